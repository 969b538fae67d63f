"""Settings by layer group: what is written into the torch optimizer, and when; weight decay in closed form."""

import numpy as np
import pytest
import torch
from torch import nn

from learner.learners import SGD, Adam
from lr_finder.learner.optimizer import OptimWrapper


def wrapper(opt_func=SGD, lr=0.1, **options):
    torch.manual_seed(0)
    groups = [nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), nn.Sequential(nn.Linear(2, 1))]
    return groups, OptimWrapper.create(opt_func, lr, groups, **options)


def set_gradients(groups, value):
    for group in groups:
        for parameter in group.parameters():
            parameter.grad = torch.full_like(parameter, value)


def test_each_layer_group_has_two_parameter_groups_the_second_of_biases_and_norms():
    groups, opt = wrapper()
    linear, norm = groups[0]
    expected = [[linear.weight], [linear.bias, norm.weight, norm.bias], [groups[1][0].weight], [groups[1][0].bias]]
    assert [[id(p) for p in group["params"]] for group in opt.opt.param_groups] == [
        [id(p) for p in parameters] for parameters in expected
    ]


def test_a_parameter_that_layers_share_is_in_one_group_only():
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.weight = first.weight
    opt = OptimWrapper.create(SGD, 0.1, [first, second])
    assert sum(parameter is first.weight for group in opt.opt.param_groups for parameter in group["params"]) == 1


def test_rates_are_written_at_the_step_and_not_before():
    groups, opt = wrapper(lr=0.1)
    opt.lr = [0.2, 0.3]
    assert opt.lr == 0.3
    assert [group["lr"] for group in opt.opt.param_groups] == [0.1] * 4
    set_gradients(groups, 0.0)
    opt.step()
    assert [group["lr"] for group in opt.opt.param_groups] == [0.2, 0.2, 0.3, 0.3]


@pytest.mark.parametrize(
    ("opt_func", "mom", "beta"), [(SGD, 0.9, None), (Adam, 0.9, 0.99), (torch.optim.RMSprop, 0, 0.99)]
)
def test_momentum_and_beta_are_those_of_the_torch_optimizer(opt_func, mom, beta):
    _, opt = wrapper(opt_func)
    assert (opt.mom, opt.beta) == (mom, beta)
    opt.mom = [0.5, 0.6]
    assert opt.mom == 0.6
    assert opt.beta == beta
    if beta is not None:
        opt.beta = 0.95
        assert (opt.mom, opt.beta) == (0.6, 0.95)
    first = opt.opt.param_groups[0]
    assert first.get("momentum", first.get("betas", [None])[0]) == 0.5


def test_a_setting_that_the_optimizer_lacks_is_refused():
    _, opt = wrapper(torch.optim.Adagrad)
    assert (opt.mom, opt.beta) == (None, None)
    with pytest.raises(ValueError, match="Adagrad has neither momentum nor betas"):
        opt.mom = 0.9
    with pytest.raises(ValueError, match="Adagrad has neither betas nor alpha"):
        opt.beta = 0.9
    with pytest.raises(ValueError, match="Rprop has no weight decay of its own"):
        wrapper(torch.optim.Rprop, wd=0.1)


@pytest.mark.parametrize(("true_wd", "bn_wd"), [(True, True), (True, False), (False, True), (False, False)])
def test_weight_decay_is_that_of_the_closed_form(true_wd, bn_wd):
    # Plain SGD: both kinds of decay multiply a weight by 1 - lr * wd and then take lr * gradient from it.
    groups, opt = wrapper(torch.optim.SGD, lr=[0.1, 0.2], wd=[0.3, 0.4], true_wd=true_wd, bn_wd=bn_wd)
    set_gradients(groups, 0.5)
    before = [[p.detach().clone() for p in group["params"]] for group in opt.opt.param_groups]
    opt.step()
    factors = [1 - 0.1 * 0.3, 1 - 0.1 * 0.3 * bn_wd, 1 - 0.2 * 0.4, 1 - 0.2 * 0.4 * bn_wd]
    for group, old, factor, lr in zip(opt.opt.param_groups, before, factors, [0.1, 0.1, 0.2, 0.2], strict=True):
        for parameter, value in zip(group["params"], old, strict=True):
            torch.testing.assert_close(parameter.detach(), value * factor - lr * 0.5)


def test_true_weight_decay_of_adam_does_not_pass_through_its_averages():
    groups, opt = wrapper(Adam, lr=0.1, wd=0.3, true_wd=True)
    set_gradients(groups, 0.5)
    weight = groups[1][0].weight
    before = weight.detach().clone()
    opt.step()
    torch.testing.assert_close(weight.detach(), before * (1 - 0.1 * 0.3) - 0.1)  # Adam's first step is lr in size


def test_a_parameter_without_a_gradient_is_not_decayed():
    groups, opt = wrapper(wd=0.3, true_wd=True)
    before = groups[0][0].weight.detach().clone()
    opt.step()
    assert torch.equal(groups[0][0].weight, before)


def test_a_saved_state_brings_rates_and_momentum_back():
    groups, opt = wrapper(Adam)
    opt.lr, opt.mom = [0.2, 0.3], 0.7
    set_gradients(groups, 0.5)
    opt.step()
    opt.lr = [0.4, 0.5]
    state = opt.state_dict()
    _, other = wrapper(Adam)
    other.load_state_dict(state)
    assert (other.lr, other.mom) == (0.5, 0.7)
    assert other.opt.state_dict()["state"].keys() == state["state"].keys()


BAD = {
    "too many": ([0.1, 0.1, 0.1], ValueError, r"lr must be one number or one per layer group \(2\), got 3"),
    "two-dimensional": ([[0.1], [0.1]], ValueError, "lr must be one number or one per layer group"),
    "negative": (-0.1, ValueError, "lr must be finite and at least 0, got -0.1"),
    "NaN": (np.nan, ValueError, "lr must be finite and at least 0, got nan"),
    "None": (None, ValueError, "lr must be finite and at least 0, got None"),
    "text": ("fast", TypeError, "lr must be a number or one per layer group, got 'fast'"),
}


@pytest.mark.parametrize(("value", "error", "text"), BAD.values(), ids=BAD)
def test_a_wrong_rate_is_refused_and_the_old_one_stays(value, error, text):
    _, opt = wrapper(lr=0.1)
    with pytest.raises(error, match=text):
        opt.lr = value
    assert opt.lr == 0.1


def test_an_optimizer_without_pairs_of_groups_is_refused():
    with pytest.raises(ValueError, match="opt must have two parameter groups per layer group, got 1 in all"):
        OptimWrapper(torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1))
