"""The result in the hands of torch: set in an optimizer, and as the peak of its schedule."""

import pytest
import torch
from torch import nn

from curves import valley_curve
from integrations.torch.classifier import classifier
from lr_finder import RangeTestResult


@pytest.mark.parametrize("tensor", [False, True])
def test_apply_sets_the_rate_and_keeps_the_ratios(tensor):
    model = classifier()
    groups = [
        {"params": model[i].parameters(), "lr": torch.tensor(lr) if tensor else lr} for i, lr in ((0, 1e-4), (4, 1e-2))
    ]
    optimizer = torch.optim.AdamW(groups)
    rates_before = [group["lr"] for group in optimizer.param_groups]
    result = RangeTestResult(valley_curve(), steps_taken=200)
    result.apply(optimizer)
    rates = [group["lr"] for group in optimizer.param_groups]
    assert [float(rate) for rate in rates] == pytest.approx([result.suggestion.lr / 100, result.suggestion.lr])
    if tensor:  # filled, not replaced
        assert all(rate is before for rate, before in zip(rates, rates_before, strict=True))


def test_apply_keeps_the_ratios_that_a_warm_up_holds_at_zero():
    model = classifier()
    groups = [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[4].parameters(), "lr": 0.01}]
    optimizer = torch.optim.SGD(groups)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 10)
    with pytest.warns(UserWarning, match="scheduler"):
        changes = RangeTestResult(valley_curve(), steps_taken=200).apply(optimizer)
    assert changes[0][1] == pytest.approx(10 * changes[1][1])


def test_apply_warns_of_a_scheduler_that_will_overwrite_the_rate():
    model = classifier()
    optimizer = torch.optim.AdamW(model.parameters())
    torch.optim.lr_scheduler.StepLR(optimizer, 10)
    result = RangeTestResult(valley_curve(), steps_taken=200)
    with pytest.warns(UserWarning, match="create the scheduler after apply"):
        result.apply(optimizer)


def test_a_one_cycle_schedule_peaks_as_torch_does_with_its_maximum():
    schedule = RangeTestResult(valley_curve(), steps_taken=200).schedule("one_cycle", 200)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.lr, schedule.total_steps, pct_start=schedule.warmup_steps / schedule.total_steps
    )
    rates = []
    for _ in range(schedule.total_steps):
        rates.append(cycle.get_last_lr()[0])
        optimizer.step()
        cycle.step()
    assert max(rates) == pytest.approx(schedule.lr)
    assert abs(rates.index(max(rates)) - schedule.warmup_steps) <= 1


@pytest.mark.parametrize("kind", [list, lambda pair: dict(zip("gc", pair, strict=True))], ids=["list", "mapping"])
def test_apply_sets_the_rate_in_several_optimizers_and_keeps_their_ratios(kind):
    generator, critic = nn.Linear(1, 1), nn.Linear(1, 1)
    optimizers = [torch.optim.Adam(generator.parameters(), lr=1e-4), torch.optim.Adam(critic.parameters(), lr=4e-4)]
    result = RangeTestResult(valley_curve(), steps_taken=200)
    changes = result.apply(kind(optimizers))
    assert changes == [(1e-4, pytest.approx(result.suggestion.lr / 4)), (4e-4, pytest.approx(result.suggestion.lr))]
    assert [optimizer.param_groups[0]["lr"] for optimizer in optimizers] == [new for _, new in changes]


def test_a_scheduler_made_anew_after_apply_starts_from_the_rate():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    torch.optim.lr_scheduler.StepLR(optimizer, 10)
    result = RangeTestResult(valley_curve(), steps_taken=200)
    with pytest.warns(UserWarning, match="create the scheduler after apply"):
        result.apply(optimizer)
    assert torch.optim.lr_scheduler.StepLR(optimizer, 10).base_lrs == [pytest.approx(result.suggestion.lr)]


@pytest.mark.parametrize("target", [nn.Linear(1, 1), lambda lr: None, [], {"params": torch.zeros(1)}])
def test_apply_says_what_takes_the_place_of_a_target_without_a_rate(target):
    with pytest.raises(TypeError, match=r"apply\(\) takes an optimizer .*make_optimizer\(float\(result.suggestion\)\)"):
        RangeTestResult(valley_curve(), steps_taken=200).apply(target)


def test_a_rate_of_low_precision_may_round():
    optimizer = torch.optim.AdamW(classifier().parameters(), lr=torch.tensor(1e-3, dtype=torch.bfloat16), foreach=False)
    RangeTestResult(valley_curve(), steps_taken=200).apply(optimizer)
    assert float(optimizer.param_groups[0]["lr"]) == pytest.approx(
        RangeTestResult(valley_curve(), steps_taken=200).suggestion.lr, rel=4e-3
    )
