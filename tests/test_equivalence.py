"""The same model, data and seed give the same curve, whoever owns the training loop.

A small convolutional network on real digits, in single precision. Rates agree exactly and losses to `ROUNDING`, a few
units in the last place. (Here they were identical: every loop does the same arithmetic in the same order. A rate that
is wrong by one part in a thousand moves some loss by a fifth.)
"""

from functools import partial
from typing import Any

import lightning.pytorch
import numpy as np
import pytest
import torch
from accelerate import Accelerator
from sklearn.datasets import load_digits
from skorch import NeuralNet
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import Trainer, TrainingArguments

from lr_finder import RangeTest, RangeTestResult, StopReason, lr_find
from lr_finder.learner import DataBunch, Learner
from lr_finder.preserve import preserve
from quadratic import known_reference_stop
from ways.ignite import create_supervised_trainer
from ways.lightning import SETTINGS

pytestmark = pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning")  # Lightning 2.6 beside torch 2.13

ROUNDING = 1e-6
FALLING = {"start_lr": 1e-4, "end_lr": 0.3, "num_it": 80, "stop_div": False}
RUNNING_AWAY = {"start_lr": 1e-4, "end_lr": 1e3, "num_it": 60}

PIXELS, LABELS = load_digits(return_X_y=True)
IMAGES = torch.tensor(PIXELS[:640] / 16, dtype=torch.float32).view(-1, 1, 8, 8)
DIGITS = TensorDataset(IMAGES, torch.tensor(LABELS[:640]))
LOADER = DataLoader(DIGITS, batch_size=32)  # 20 batches: the sweep goes round four times
LOSS = nn.CrossEntropyLoss()
sgd = partial(torch.optim.SGD, lr=0.01, momentum=0.9)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 10)
    )


def training() -> tuple[nn.Module, torch.optim.Optimizer]:
    model = network()
    return model, sgd(model.parameters())


def train(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> torch.Tensor:
    """One step, as everyone writes it."""
    inputs, target = batch
    optimizer.zero_grad()
    loss = LOSS(model(inputs), target)
    loss.backward()
    optimizer.step()
    return loss


def plain(**bounds: Any) -> RangeTestResult:
    model, optimizer = training()
    return lr_find(model, optimizer, LOSS, LOADER, **bounds)


def step_function(**bounds: Any) -> RangeTestResult:
    model, optimizer = training()
    step = partial(train, model, optimizer)
    return lr_find(step, optimizer=optimizer, train_loader=LOADER, state=[model], **bounds)


def hand_written(**bounds: Any) -> RangeTestResult:
    model, optimizer = training()
    test = RangeTest(**bounds)
    batches = (batch for _ in range(1000) for batch in LOADER)
    with preserve(model, optimizer):
        for lr, batch in zip(test, batches, strict=False):
            optimizer.param_groups[0]["lr"] = lr
            test.record(train(model, optimizer, batch))
    return test.result


def learner(**bounds: Any) -> RangeTestResult:
    learn = Learner(DataBunch(LOADER, LOADER), network(), opt_func=sgd, loss_func=LOSS, wd=0.0)
    return learn.lr_find(**bounds)


class LitNetwork(lightning.pytorch.LightningModule):
    def __init__(self):
        super().__init__()
        self.model = network()

    def training_step(self, batch, batch_idx):
        inputs, target = batch
        return LOSS(self.model(inputs), target)

    def configure_optimizers(self):
        return sgd(self.parameters())


def in_lightning(**bounds: Any) -> RangeTestResult:
    trainer = lightning.pytorch.Trainer(max_epochs=1, **SETTINGS)
    return lr_find(trainer, LitNetwork(), train_dataloaders=LOADER, **bounds)


class WithLoss(nn.Module):
    """The network as the Trainer of Hugging Face takes models."""

    def __init__(self):
        super().__init__()
        self.model = network()

    def forward(self, inputs, labels):
        return {"loss": LOSS(self.model(inputs), labels)}


class InOrder(Trainer):
    """A Trainer that does not shuffle."""

    def get_train_dataloader(self):
        rows = [{"inputs": image, "labels": label} for image, label in DIGITS]
        return self.accelerator.prepare(DataLoader(rows, batch_size=32))


def in_transformers(tmp_path: Any, **bounds: Any) -> RangeTestResult:
    model = WithLoss()
    arguments = TrainingArguments(output_dir=str(tmp_path), max_grad_norm=0, use_cpu=True, report_to=[])
    trainer = InOrder(model, arguments, train_dataset=DIGITS, optimizers=(sgd(model.parameters()), None))
    return lr_find(trainer, **bounds)


def in_accelerate(**bounds: Any) -> RangeTestResult:
    model, optimizer, loader = Accelerator(cpu=True).prepare(*training(), LOADER)
    return lr_find(model, optimizer, LOSS, loader, **bounds)


def in_skorch(**bounds: Any) -> RangeTestResult:
    net = NeuralNet(
        network(), nn.CrossEntropyLoss, optimizer=torch.optim.SGD, optimizer__momentum=0.9, batch_size=32,
        train_split=None, callbacks="disable", verbose=0,
    )  # fmt: skip
    net.initialize()
    return lr_find(net, IMAGES, DIGITS.tensors[1], **bounds)


def in_ignite(**bounds: Any) -> RangeTestResult:
    model, optimizer = training()
    engine = create_supervised_trainer(model, optimizer, LOSS)
    return lr_find(engine, optimizer=optimizer, data=LOADER, state=[model], **bounds)


WAYS = {
    "step function": step_function,
    "hand-written loop": hand_written,
    "Lightning": in_lightning,
    "Hugging Face": in_transformers,
    "Accelerate": in_accelerate,
    "skorch": in_skorch,
    "Ignite": in_ignite,
}


@pytest.fixture
def run(request, tmp_path):
    """The search in one of the ways."""
    return partial(request.param, tmp_path) if request.param is in_transformers else request.param


@pytest.mark.parametrize("run", [*WAYS.values(), learner], ids=[*WAYS, "reference learner"], indirect=True)
def test_the_curve_is_that_of_plain_pytorch(run):
    expected, result = plain(**FALLING), run(**FALLING)
    assert expected.losses.min() < 0.5 * expected.losses[0]  # it is a training
    np.testing.assert_array_equal(result.lrs, expected.lrs)
    np.testing.assert_allclose(result.losses, expected.losses, rtol=ROUNDING)
    assert result.stop_reason is StopReason.COMPLETED
    assert result.measured_suggestion.lr == pytest.approx(expected.measured_suggestion.lr, rel=0.01)


@pytest.mark.parametrize("run", WAYS.values(), ids=WAYS, indirect=True)
def test_it_stops_where_plain_pytorch_does(run):
    expected, result = plain(**RUNNING_AWAY), run(**RUNNING_AWAY)
    assert expected.stop_reason is result.stop_reason is StopReason.DIVERGED
    np.testing.assert_array_equal(result.lrs, expected.lrs)


def test_the_learner_stops_by_the_rule_of_the_reference():
    every = plain(**RUNNING_AWAY, stop_div=False)
    result = learner(**RUNNING_AWAY)
    np.testing.assert_array_equal(result.lrs, every.lrs[: known_reference_stop(every.losses)])
