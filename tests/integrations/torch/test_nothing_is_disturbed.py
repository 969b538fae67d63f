"""A search leaves no trace in plain PyTorch: not in weights, optimizer, scheduler, loader, loss or modes."""

import functools

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from integrations.torch.classifier import BOUNDS, classifier, samples
from lr_finder import lr_find
from quadratic import loader, mean_output, training

OPTIMIZERS = {
    "SGD": lambda parameters: torch.optim.SGD(parameters, lr=0.05),
    "SGD with momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9),
    "AdamW": lambda parameters: torch.optim.AdamW(parameters, lr=1e-3),
    "AdamW, tensor rate": lambda parameters: torch.optim.AdamW(parameters, lr=torch.tensor(1e-3), capturable=False),
    "AdamW, fused": lambda parameters: torch.optim.AdamW(parameters, lr=1e-3, fused=True),
}


def train(model, optimizer, batches, epochs):
    """Losses of a plain training."""
    losses = []
    model.train()
    for _ in range(epochs):
        for inputs, target in batches:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


@pytest.mark.parametrize("make_optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("warm_epochs", [0, 2], ids=["cold", "warm"])
@pytest.mark.parametrize("search", ["two ramps", "one ramp", "interrupted"])
def test_training_after_a_search_is_bit_identical_to_training_without(make_optimizer, warm_epochs, search):
    def run(with_search):
        model = classifier()
        optimizer = make_optimizer(model.parameters())
        batches = DataLoader(samples(), batch_size=8, shuffle=True)
        torch.manual_seed(2)
        train(model, optimizer, batches, warm_epochs)
        if with_search and search == "interrupted":
            calls = []

            def interrupted(output, target):
                calls.append(None)
                if len(calls) == 5:
                    raise KeyboardInterrupt
                return nn.functional.cross_entropy(output, target)

            with pytest.raises(KeyboardInterrupt):
                lr_find(model, optimizer, interrupted, batches, start_lr=1e-3, end_lr=10, num_it=30)
        elif with_search:
            bounds = {"start_lr": 1e-5, "end_lr": 10} if search == "one ramp" else {}
            lr_find(model, optimizer, nn.CrossEntropyLoss(), batches, num_it=40, **bounds)
        return train(model, optimizer, batches, 3), model.state_dict()

    (losses, weights), (losses_after, weights_after) = run(False), run(True)
    assert losses_after == losses
    for name, tensor in weights.items():
        assert torch.equal(weights_after[name], tensor), name


def test_a_second_search_gives_the_same_curve():
    model = classifier()
    arguments = (
        model,
        torch.optim.AdamW(model.parameters()),
        nn.CrossEntropyLoss(),
        DataLoader(samples(), 8, shuffle=True),
    )
    first, second = lr_find(*arguments, num_it=40), lr_find(*arguments, num_it=40)
    np.testing.assert_array_equal(second.losses, first.losses)
    np.testing.assert_array_equal(second.lrs, first.lrs)


def test_an_attached_scheduler_is_neither_stepped_nor_broken():
    model, optimizer, loss_fn, batches = training(lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    before = dict(scheduler.state_dict())
    result = lr_find(model, optimizer, loss_fn, batches, **BOUNDS)
    assert result.lrs[0] == 1e-4
    assert result.curve.notes == ()
    assert scheduler.state_dict() == before
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.5


class Loader:
    """A loader of one's own, with random numbers of its own."""

    def __init__(self):
        self.random = np.random.default_rng(0)

    def __iter__(self):
        for x, y in loader():
            yield x, y + self.random.normal()


class Counting:
    """A loss of one's own, with state of its own."""

    def __init__(self):
        self.calls, self.total = 0, torch.zeros(1)

    def __call__(self, output, target):
        self.calls += 1
        self.total += 1
        return mean_output(output, target)


@pytest.mark.parametrize("wrap", [lambda loss: loss, lambda loss: loss.__call__, functools.partial])
def test_loaders_and_losses_of_ones_own_come_back_too(wrap):
    model, optimizer, _, _ = training()
    batches, loss = Loader(), Counting()
    lr_find(model, optimizer, wrap(loss), batches, **BOUNDS)
    assert (loss.calls, loss.total.item()) == (0, 0)
    assert batches.random.normal() == np.random.default_rng(0).normal()


def test_frozen_batch_norm_stays_frozen_and_eval_mode_comes_back():
    model = classifier()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model[1].eval()
    modes = []
    model[1].register_forward_hook(lambda module, inputs, output: modes.append((model.training, module.training)))
    lr_find(model, optimizer, nn.CrossEntropyLoss(), DataLoader(samples(), 8), **BOUNDS)
    assert set(modes) == {(True, False)}
    model.eval()
    lr_find(model, optimizer, nn.CrossEntropyLoss(), DataLoader(samples(), 8), **BOUNDS)
    assert not any(module.training for module in model.modules())
