"""Models, optimizers and loaders that Lightning's Fabric has set up."""

import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from torch import nn
from torch.utils.data import DataLoader

from curves import valley_curve
from integrations.torch.classifier import classifier, samples
from lr_finder import RangeTestResult, lr_find

# Fabric leaves random numbers and workers to its user, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")

BOUNDS = {"start_lr": 1e-4, "end_lr": 1.0, "num_it": 20}


def parts(precision):
    """Fabric with what it has set up, as a fresh process would make it."""
    fabric = Fabric(accelerator="cpu", precision=precision)
    model = classifier()
    model, optimizer = fabric.setup(model, torch.optim.AdamW(model.parameters(), lr=1e-3))
    return fabric, model, optimizer, fabric.setup_dataloaders(DataLoader(samples(), 8))


def usual(fabric, model, optimizer, loader):
    return lr_find(model, optimizer, nn.functional.cross_entropy, loader, **BOUNDS)


def by_batch_loss(fabric, model, optimizer, loader):
    def loss(model, batch):
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    return lr_find(model, optimizer, batch_loss=loss, train_loader=loader, **BOUNDS)


def train_step(fabric, model, optimizer, batch):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(batch[0]), batch[1])
    fabric.backward(loss)
    optimizer.step()
    return loss


def by_steps(fabric, model, optimizer, loader):
    def step(batch):
        return train_step(fabric, model, optimizer, batch)

    return lr_find(step, optimizer=optimizer, train_loader=loader, state=[model], **BOUNDS)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("search", [usual, by_batch_loss, by_steps])
def test_every_form_trains_as_a_loop_with_fabric_does_and_leaves_no_trace(precision, search):
    fabric, model, optimizer, loader = made = parts(precision)
    torch.manual_seed(5)
    result = search(*made)
    assert optimizer.param_groups[0]["lr"] == 1e-3
    torch.manual_seed(5)
    losses = []
    batches = (batch for _ in range(3) for batch in loader)
    for lr, batch in zip(result.lrs, batches, strict=False):
        optimizer.param_groups[0]["lr"] = lr
        losses.append(train_step(fabric, model, optimizer, batch).item())
    np.testing.assert_array_equal(result.losses, losses)


def test_apply_sets_the_rate_of_an_optimizer_of_fabric():
    _, _, optimizer, _ = parts("bf16-mixed")
    result = RangeTestResult(valley_curve(), steps_taken=200)
    result.apply(optimizer)
    assert optimizer.optimizer.param_groups[0]["lr"] == pytest.approx(result.suggestion.lr)


def test_gradients_still_have_to_be_made_by_fabric_after_a_search():
    _, model, _, _ = made = parts("bf16-mixed")
    usual(*made)
    with pytest.raises(RuntimeError, match=r"requires you to call `fabric.backward"):
        model(torch.ones(8, 4)).sum().backward()
