"""Every kind of batch and of loader that the model form takes."""

import sys
from collections import UserDict, defaultdict, namedtuple
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import DataLoader, IterableDataset
from transformers import BatchEncoding

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


class TwoTargets(NamedTuple):
    """A batch with a `.to` of its own, which knows that the names are none of its tensors."""

    ones: torch.Tensor
    targets: list[torch.Tensor]
    names: list[str]

    def to(self, device):
        moved.append(device)
        return self._replace(ones=self.ones.to(device), targets=[target.to(device) for target in self.targets])


class Pair(list):
    """A list whose constructor takes something else."""

    def __init__(self, first, second):
        super().__init__([first, second])


class Checked(Batch):
    """A named tuple with a constructor of its own."""

    def __new__(cls, pair):
        return super().__new__(cls, *pair)


class Lists(defaultdict):
    """A mapping whose constructor takes something else."""


@dataclass
class Sample:
    ones: torch.Tensor


moved = []
SHAPES = {
    "any kind": (lambda x, y: (x, y, y), lambda model, batch: mean_output(model(batch[0]), batch[1] + batch[2])),
    "its own .to": (
        lambda x, y: TwoTargets(x, [y, y], ["a", "b"]),
        lambda model, batch: mean_output(model(batch.ones), sum(batch.targets)),
    ),
    "in a tuple": (
        lambda x, y: (TwoTargets(x, [y], []), y),
        lambda model, batch: mean_output(model(batch[0].ones), batch[1]),
    ),
    "a list with a constructor of its own": (Pair, lambda model, batch: mean_output(model(batch[0]), batch[1])),
    "a named tuple with one": (
        lambda x, y: Checked((x, y)),
        lambda model, batch: mean_output(model(batch.inputs), batch.target),
    ),
    "a dataclass": (lambda x, y: Sample(x), lambda model, batch: model(batch.ones).mean()),
    "a UserDict": (lambda x, y: UserDict(x=x), lambda model, batch: model(batch["x"]).mean()),
    "an encoding of texts": (lambda x, y: BatchEncoding({"x": x}), lambda model, batch: model(batch["x"]).mean()),
    "a packed sequence": (
        lambda x, y: pack_sequence(list(x)),
        lambda model, batch: model(batch.data).mean(),
    ),
    "a sparse tensor": (lambda x, y: x.to_sparse(), lambda model, batch: model(batch.to_dense()).mean()),
    "lists of lists": (lambda x, y: [[x], [[y]]], lambda model, batch: mean_output(model(batch[0][0]), batch[1][0][0])),
    "a defaultdict": (lambda x, y: Lists(list, {"x": x}), lambda model, batch: model(batch["x"]).mean()),
    "a string": (lambda x, y: "two", lambda model, batch: model(torch.ones(len(batch), 1, dtype=torch.float64)).mean()),
    "{'loss': ...}": (lambda x, y: x, lambda model, x: {"loss": model(x).mean(), "accuracy": 1.0}),
    "(loss, metrics)": (lambda x, y: x, lambda model, x: (model(x).mean(), {"accuracy": 1.0})),
    "(1, 1)": (lambda x, y: x, lambda model, x: model(x).mean().reshape(1, 1)),
}


@pytest.mark.parametrize(("batch", "batch_loss"), SHAPES.values(), ids=SHAPES)
def test_batch_loss_takes_batches_and_losses_of_any_kind(batch, batch_loss):
    model, optimizer, _, batches = training()
    batches = [batch(x, y) for x, y in batches]
    result = lr_find(model, optimizer, batch_loss=batch_loss, train_loader=batches, **BOUNDS)
    np.testing.assert_allclose(result.losses, lr_find(*training(), **BOUNDS).losses, rtol=1e-12)


@pytest.mark.parametrize("wrap", [lambda loss: {"loss": loss, "n": 1}, lambda loss: (loss, "n")], ids=["dict", "tuple"])
def test_a_step_function_may_return_its_loss_with_other_things(wrap):
    model, optimizer, loss_fn, batches = training()

    def step(batch):
        optimizer.zero_grad()
        loss = loss_fn(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return wrap(loss)

    result = lr_find(step, optimizer=optimizer, train_loader=batches, state=[model], **BOUNDS)
    np.testing.assert_allclose(result.losses, lr_find(*training(), **BOUNDS).losses, rtol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"accumulation_steps": 2},
        {"scaler": torch.amp.GradScaler("cpu", init_scale=8.0)},
        {"autocast": torch.bfloat16},
        {"make": torch.optim.LBFGS},
    ],
    ids=["accumulation", "scaler", "autocast", "closure"],
)
def test_batch_loss_goes_with_all_that_the_model_form_has(options):
    curves = []
    make = options.get("make", torch.optim.SGD)
    given = {name: value for name, value in options.items() if name != "make"}
    for loss in ({"loss_fn": mean_output}, {"batch_loss": lambda model, batch: mean_output(model(batch[0]), batch[1])}):
        torch.manual_seed(0)
        model = Quadratic()
        found = lr_find(model, make(model.parameters(), lr=1), train_loader=loader(), **loss, **given, **BOUNDS)
        curves.append(found.losses)
        assert model.weight.item() == 3.0
    np.testing.assert_array_equal(*curves)


ONES = torch.ones(2, 1, dtype=torch.float64)
TAKEN_FOR_ANOTHER = {
    "two targets": (
        (ONES, ONES, ONES),
        "(Tensor, Tensor, Tensor), was taken for loss_fn(model(*batch[:-1]), batch[-1])",
        "batch_loss=lambda model, batch: loss_fn(model(batch[0]), batch[1], batch[2])",
    ),
    "a mapping for a model that takes the image alone": (
        {"image": ONES, "label": ONES},
        "a mapping with 'image', 'label', was taken for loss_fn(model(**batch), batch)",
        'batch_loss=lambda model, batch: loss_fn(model(batch["image"]), batch["label"])',
    ),
    "a target with its weight": (
        (ONES, (ONES, None)),
        "(Tensor, tuple), was taken for loss_fn(model(*batch[:-1]), batch[-1])",
        "batch_loss=lambda model, batch: ...",
    ),
    "samples that nothing has collated": ([{"x": ONES}] * 64, "dict, dict and 58 more)", "batch: ..."),
    "a loss for other shapes": ((ONES, {"y": ONES}), "(Tensor, dict), was taken for", "batch: ..."),
}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions take no notes before")
@pytest.mark.parametrize(("batch", "taken_for", "line"), TAKEN_FOR_ANOTHER.values(), ids=TAKEN_FOR_ANOTHER)
def test_a_batch_that_the_model_does_not_take_leads_to_batch_loss(batch, taken_for, line):
    model, optimizer, _, _ = training()
    with pytest.raises((TypeError, AttributeError)) as raised:
        lr_find(model, optimizer, nn.MSELoss(), [batch], **BOUNDS)
    (note, *_) = raised.value.__notes__
    assert taken_for in note
    assert line in note


def test_a_model_that_returns_nothing_is_told():
    class Silent(Quadratic):
        def forward(self, ones):
            super().forward(ones)

    model = Silent()
    with pytest.raises(TypeError, match=r"must return its output, got None: its forward\(\) has no return"):
        lr_find(model, torch.optim.SGD(model.parameters(), lr=1), mean_output, loader(), **BOUNDS)


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
