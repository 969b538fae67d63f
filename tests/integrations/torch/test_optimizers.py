"""What the curve knows of the optimizer, and what the search sets in it: groups, momentum, weight decay, closures."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from integrations.torch.classifier import BOUNDS, classifier, samples
from lr_finder import lr_find
from lr_finder.curve.parameter_groups import largest_momentum


def test_the_loss_of_a_closure_optimizer_is_the_one_before_its_step():
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    batch = (torch.randn(32, 4), torch.randn(32, 1))
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    result = lr_find(model, optimizer, nn.MSELoss(), [batch], start_lr=1e-3, end_lr=1, num_it=10)
    assert result.losses[0] == nn.functional.mse_loss(model(batch[0]), batch[1]).item()
    assert result.losses[-1] < 0.9 * result.losses[0]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not optimizer.state[optimizer.param_groups[0]["params"][0]]


def test_the_ratio_of_the_groups_is_kept_during_the_search_and_after():
    model = classifier()
    groups = [{"params": model[0].parameters(), "lr": 1e-4}, {"params": model[4].parameters(), "lr": 1e-2}]
    optimizer = torch.optim.SGD(groups)
    used = []
    optimizer.register_step_post_hook(lambda *_: used.append([group["lr"] for group in optimizer.param_groups]))
    result = lr_find(model, optimizer, nn.CrossEntropyLoss(), DataLoader(samples(), 8), **BOUNDS)
    np.testing.assert_array_equal(used, result.group_lrs)
    np.testing.assert_allclose(result.group_lrs[:, 0] * 100, result.lrs)
    assert [group["lr"] for group in optimizer.param_groups] == [1e-4, 1e-2]


@pytest.mark.parametrize(
    ("kind", "options", "momentum"),
    [
        (torch.optim.SGD, ({}, {"momentum": 0.8}), 0.8),  # the larger of the groups'
        (torch.optim.SGD, ({}, {}), 0.0),
        (torch.optim.SGD, ({}, {"momentum": 1.5}), None),  # no average
        (torch.optim.RMSprop, ({}, {}), 0.0),
        (torch.optim.AdamW, ({}, {"betas": (0.95, 0.98)}), 0.95),
        (torch.optim.Adagrad, ({}, {}), None),
    ],
)
def test_the_curve_tells_the_momentum_of_the_optimizer(kind, options, momentum):
    model = classifier()
    first, second = options
    optimizer = kind([{"params": model[0].parameters(), **first}, {"params": model[4].parameters(), **second}], lr=0.1)
    curve = lr_find(model, optimizer, nn.CrossEntropyLoss(), DataLoader(samples(), 8), **BOUNDS).curve
    assert curve.momentum == (None if momentum is None else pytest.approx(momentum))


@pytest.mark.parametrize(
    "settings", [{"betas": None}, {"betas": ()}, {"momentum": "heavy"}, {"momentum": float("nan")}]
)
def test_a_momentum_of_a_kind_of_its_own_is_not_known(settings):
    model = classifier()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    optimizer.param_groups[0].pop("momentum")
    optimizer.param_groups[0] |= settings
    assert largest_momentum(optimizer.param_groups) is None


def test_weight_decay_is_set_for_the_search_only():
    model = classifier()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.01)
    used = []
    optimizer.register_step_post_hook(lambda *_: used.append(optimizer.param_groups[0]["weight_decay"]))
    lr_find(model, optimizer, nn.CrossEntropyLoss(), DataLoader(samples(), 8), wd=0.3, **BOUNDS)
    assert set(used) == {0.3}
    assert optimizer.param_groups[0]["weight_decay"] == 0.01
