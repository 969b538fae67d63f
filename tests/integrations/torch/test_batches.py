"""Every kind of batch and of loader that the model form takes."""

from collections import namedtuple

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

from integrations.torch.classifier import BOUNDS
from lr_finder import StopReason, lr_find
from quadratic import Quadratic, loader, mean_output, training

Batch = namedtuple("Batch", "inputs target")


class TwoInputs(Quadratic):
    def forward(self, ones, zeros):
        return super().forward(ones + zeros)


class WithLoss(Quadratic):
    """A model that returns its own loss, the way that `wrap` says."""

    def __init__(self, wrap):
        super().__init__()
        self.wrap = wrap

    def forward(self, ones, target):
        return self.wrap(mean_output(super().forward(ones), target))


Output = namedtuple("Output", "loss logits")

KINDS_OF_BATCH = {
    "(input, target)": (Quadratic, mean_output, lambda x, y: (x, y)),
    "list": (Quadratic, mean_output, lambda x, y: [x, y]),
    "named tuple": (Quadratic, mean_output, Batch),
    "two inputs": (TwoInputs, mean_output, lambda x, y: (x, 0 * x, y)),
    "mapping, loss function": (Quadratic, lambda out, batch: out.mean(), lambda x, y: {"ones": x}),
    "mapping, model's loss": (lambda: WithLoss(lambda loss: loss), None, lambda x, y: {"ones": x, "target": y}),
    "mapping, output.loss": (
        lambda: WithLoss(lambda loss: Output(loss, 0)),
        None,
        lambda x, y: {"ones": x, "target": y},
    ),
    "mapping, output['loss']": (
        lambda: WithLoss(lambda loss: {"loss": loss}),
        None,
        lambda x, y: {"ones": x, "target": y},
    ),
    "tuple, model's loss first": (lambda: WithLoss(lambda loss: (loss, 0)), None, lambda x, y: (x, y)),
}


@pytest.mark.parametrize(("make", "loss_fn", "batch"), KINDS_OF_BATCH.values(), ids=KINDS_OF_BATCH)
def test_every_kind_of_batch_gives_the_same_curve(make, loss_fn, batch):
    model = make()
    batches = [batch(x, y) for x, y in loader()]
    result = lr_find(model, torch.optim.SGD(model.parameters(), lr=1), loss_fn, batches, **BOUNDS)
    np.testing.assert_allclose(result.losses, lr_find(*training(), **BOUNDS).losses, rtol=1e-12)


class Stream(IterableDataset):
    """Samples without a length."""

    def __iter__(self):
        yield from zip(torch.ones(6, 1, dtype=torch.float64), torch.zeros(6, 1), strict=True)


LOADERS = {
    "shorter than the search": lambda: loader(batches=3),
    "one batch": lambda: loader(batches=1),
    "a list": lambda: list(loader()),
    "iterable data set": lambda: DataLoader(Stream(), batch_size=2),
    "iterator": lambda: iter(list(loader(batches=20))),
}


@pytest.mark.parametrize("make_loader", LOADERS.values(), ids=LOADERS)
def test_a_loader_of_any_kind_and_length_will_do(make_loader):
    model, optimizer, loss_fn, _ = training()
    result = lr_find(model, optimizer, loss_fn, make_loader(), **BOUNDS)
    assert len(result.lrs) == 20
    assert result.stop_reason is StopReason.COMPLETED


def test_an_iterator_that_ends_ends_the_sweep():
    model, optimizer, loss_fn, batches = training()
    result = lr_find(model, optimizer, loss_fn, iter(batches), **BOUNDS)
    assert len(result.lrs) == 5
    assert result.stop_reason is StopReason.DATA_ENDED


def test_both_ramps_of_a_search_see_the_same_batches_of_an_iterator():
    model, optimizer, loss_fn, _ = training()
    seen = []

    def noting(output, target):
        seen.append(target[0].item())
        return loss_fn(output, target)

    batches = [(x, y + i) for i, (x, y) in enumerate(list(loader(batches=100)))]
    lr_find(model, optimizer, noting, iter(batches), num_it=60)
    starts = [i for i, number in enumerate(seen) if number == 0]
    assert len(starts) == 2
    assert seen[starts[1] :] == list(range(len(seen) - starts[1]))


def test_accumulated_batches_are_one_step_and_one_point():
    model, optimizer, loss_fn, batches = training()
    calls = []

    def counting(output, target):
        calls.append(None)
        return loss_fn(output, target)

    result = lr_find(model, optimizer, counting, batches, accumulation_steps=4, **BOUNDS)
    assert len(calls) == 4 * 20
    np.testing.assert_allclose(result.losses, lr_find(*training(), **BOUNDS).losses, rtol=1e-12)
