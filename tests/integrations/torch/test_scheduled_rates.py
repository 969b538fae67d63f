"""The rate of optimizers that have schedulers: afterwards all goes on as if it had been built on the new rate."""

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as schedulers

from lr_finder.integrations.torch.scheduled_rates import largest_rate, set_rate

OLD, NEW = 0.02, 0.003

SCHEDULERS = {
    "ReduceLROnPlateau": lambda optimizer, _: schedulers.ReduceLROnPlateau(optimizer, patience=1),
    "LambdaLR from 0": lambda optimizer, _: schedulers.LambdaLR(optimizer, lambda step: min(step / 4, 1)),
    "MultiplicativeLR": lambda optimizer, _: schedulers.MultiplicativeLR(optimizer, lambda _: 0.9),
    "StepLR": lambda optimizer, _: schedulers.StepLR(optimizer, 2),
    "MultiStepLR": lambda optimizer, _: schedulers.MultiStepLR(optimizer, [2, 4]),
    "ConstantLR": lambda optimizer, _: schedulers.ConstantLR(optimizer, total_iters=3),
    "LinearLR": lambda optimizer, _: schedulers.LinearLR(optimizer, total_iters=4),
    "ExponentialLR": lambda optimizer, _: schedulers.ExponentialLR(optimizer, 0.8),
    "PolynomialLR": lambda optimizer, _: schedulers.PolynomialLR(optimizer, total_iters=6),
    "CosineAnnealingLR": lambda optimizer, _: schedulers.CosineAnnealingLR(optimizer, 6, eta_min=1e-5),
    "CosineAnnealingWarmRestarts": lambda optimizer, _: schedulers.CosineAnnealingWarmRestarts(optimizer, 3),
    "CyclicLR": lambda optimizer, lr: schedulers.CyclicLR(
        optimizer, [lr / 100, lr / 10], [lr / 10, lr], step_size_up=3, cycle_momentum=False
    ),
    "OneCycleLR": lambda optimizer, lr: schedulers.OneCycleLR(optimizer, [lr / 10, lr], total_steps=10),
    "SequentialLR": lambda optimizer, _: schedulers.SequentialLR(
        optimizer,
        [schedulers.LinearLR(optimizer, total_iters=3), schedulers.CosineAnnealingLR(optimizer, 5)],
        milestones=[3],
    ),
    "ChainedScheduler": lambda optimizer, _: schedulers.ChainedScheduler(
        [schedulers.ConstantLR(optimizer, total_iters=2), schedulers.ExponentialLR(optimizer, 0.9)]
    ),
}


def two_groups(lr):
    weights = [torch.zeros(1, requires_grad=True) for _ in "ab"]
    return torch.optim.SGD([{"params": weights[0], "lr": lr / 10}, {"params": weights[1], "lr": lr}], momentum=0.9)


def rates_of(optimizer, scheduler, steps=9):
    """The rates of a training, with those that the scheduler tells."""
    rates = []
    for _ in range(steps):
        optimizer.step()
        rates.append([group["lr"] for group in optimizer.param_groups] + list(scheduler.get_last_lr()))
        scheduler.step(*[1.0] * isinstance(scheduler, schedulers.ReduceLROnPlateau))
    return rates


@pytest.mark.filterwarnings("ignore:To get the last learning rate:UserWarning")
@pytest.mark.parametrize("make", SCHEDULERS.values(), ids=SCHEDULERS)
def test_a_scheduler_goes_on_as_one_that_was_built_on_the_new_rate(make):
    optimizer, with_the_rate = two_groups(OLD), two_groups(NEW)
    scheduler = make(optimizer, OLD)
    set_rate([optimizer], [scheduler], NEW)
    assert largest_rate([optimizer], [scheduler]) == pytest.approx(NEW)
    np.testing.assert_allclose(
        rates_of(optimizer, scheduler), rates_of(with_the_rate, make(with_the_rate, NEW)), rtol=1e-12, atol=1e-15
    )


def test_in_the_middle_of_a_schedule_the_rest_of_it_is_that_of_the_new_rate():
    optimizer, with_the_rate = two_groups(OLD), two_groups(NEW)
    scheduler, other = (schedulers.CosineAnnealingLR(one, 12) for one in (optimizer, with_the_rate))
    for each in (lambda: rates_of(optimizer, scheduler, 4), lambda: rates_of(with_the_rate, other, 4)):
        each()
    assert set_rate([optimizer], [scheduler], NEW)["optimizers[0].param_groups[1]"] == (OLD, NEW)
    np.testing.assert_allclose(rates_of(optimizer, scheduler, 5), rates_of(with_the_rate, other, 5), rtol=1e-12)


def test_several_optimizers_keep_their_ratio_and_a_tensor_is_filled():
    lr = torch.tensor(0.1)
    slow, fast = (torch.optim.Adam([torch.zeros(1)], lr=rate) for rate in (0.01, lr))
    changes = set_rate([slow, fast], [], 0.5)
    assert changes["optimizers[0].param_groups[0]"] == pytest.approx((0.01, 0.05))
    assert fast.param_groups[0]["lr"] is lr
    assert lr == 0.5


def test_a_scheduler_of_an_unknown_kind_is_refused_and_nothing_is_changed():
    class Custom:
        def step(self):
            pass

    optimizer = two_groups(OLD)
    with pytest.raises(ValueError, match=r"the scheduler must be one of torch.optim.lr_scheduler .* got Custom"):
        set_rate([optimizer], [Custom()], NEW)
    assert optimizer.param_groups[1]["lr"] == OLD


def test_rates_of_zero_have_no_ratio_to_keep():
    with pytest.raises(ValueError, match="the optimizers must have a rate above 0"):
        set_rate([two_groups(0.0)], [], NEW)
