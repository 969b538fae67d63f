"""Batches that are hard whatever the model, as a real training has them."""

import copy

import torch
from torch import nn

from lr_finder import lr_find


class Regression(nn.Module):
    """Its loss is that of a small network, and what a batch adds."""

    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Dropout(0.1), nn.Linear(32, 1))

    def forward(self, inputs, targets, hardness):
        return ((self.network(inputs) - targets) ** 2).mean() + hardness


def training(hardness):
    torch.manual_seed(0)
    model, weights = Regression(), torch.randn(8, 1)
    inputs, added = torch.randn(400, 16, 8), hardness * torch.randn(400)
    batches = [(x, x @ weights, each) for x, each in zip(inputs, added, strict=True)]
    return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), batches


def test_a_rate_is_found_under_batches_that_differ_by_more_than_all_that_is_learned():
    easy, hard = (training(hardness) for hardness in (0.0, 30.0))
    known = lr_find(easy[0], easy[1], None, easy[2], progress=False, num_it=300)
    found = lr_find(hard[0], hard[1], None, hard[2], progress=False)
    assert found.curve.control_losses is not None
    assert known.suggestion.lr / 2 < found.suggestion.lr < known.suggestion.lr * 2
    assert found.suggestion.confidence != "low"


def test_the_control_changes_nothing():
    model, optimizer, batches = training(30.0)
    before = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    assert lr_find(model, optimizer, None, batches, progress=False).curve.control_losses is not None
    torch.testing.assert_close(model.state_dict(), before[0], rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), before[1])
    assert not optimizer.state
