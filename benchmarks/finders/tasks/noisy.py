"""Heavy noise in batches of 8 and 16: wrong labels, targets with heavy tails, a sum at every time step."""

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.finders.tasks.constants import constant_squared_error
from benchmarks.finders.tasks.data import classification, digit_images, split
from benchmarks.finders.tasks.mlps import mlp
from benchmarks.finders.tasks.task import Examples, Problem, Task


@cache
def _half_wrong() -> Problem:
    """Digits with four in ten training labels of another class (Zhang et al. 2017); validation labels are right."""
    right = digit_images()
    generator = torch.Generator().manual_seed(0)
    targets = right.train.targets
    is_wrong = torch.rand(len(targets), generator=generator) < 0.4
    others = (targets + torch.randint(1, 10, (len(targets),), generator=generator)) % 10
    return classification(Examples(right.train.inputs, torch.where(is_wrong, others, targets)), right.validation)


def _convolutions() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


@cache
def _heavy_tails() -> Problem:
    """A smooth function of six variables, with Student's noise of 2.5 degrees of freedom on what is trained on."""
    generator = np.random.default_rng(0)
    inputs = generator.uniform(-1, 1, size=(4000, 6))
    targets = np.sin(2 * inputs[:, 0]) + 2 * inputs[:, 1] * inputs[:, 2] + inputs[:, 3] ** 2 - inputs[:, 4]
    train, validation = split(inputs, targets[:, None].astype(np.float32), 1000)
    noise = 0.5 * generator.standard_t(2.5, size=tuple(train.targets.shape))
    train = Examples(train.inputs, train.targets + torch.tensor(noise, dtype=torch.float32))
    return Problem(train, validation, constant_squared_error(train.targets, validation.targets))


NUM_NUMBERS = 8


@cache
def _running_sums() -> Problem:
    """The sum so far of the marked numbers (after Hochreiter and Schmidhuber 1997), inputs (rows, numbers, 2)."""
    generator = np.random.default_rng(0)
    numbers = generator.uniform(-1, 1, size=(4000, NUM_NUMBERS))
    marks = generator.integers(2, size=numbers.shape)
    sums = (numbers * marks).cumsum(1).astype(np.float32)
    train, validation = split(np.stack([numbers, marks], axis=2), sums, 500)
    return Problem(train, validation, NUM_NUMBERS * constant_squared_error(train.targets, validation.targets))


class _Accumulator(nn.Module):
    def __init__(self, width: int = 24):
        super().__init__()
        self.recurrent = nn.GRU(2, width, batch_first=True)
        self.add = nn.Linear(width, 1)

    def forward(self, sequences: Tensor) -> Tensor:
        states, _ = self.recurrent(sequences)
        return self.add(states).squeeze(2)


def _summed_over_time(output: Tensor, targets: Tensor) -> Tensor:
    """Squared errors, summed over the time steps of a sequence and averaged over the batch."""
    return (output - targets).square().sum(1).mean()


NOISY = (
    Task(
        "half_wrong",
        "wrong labels in small batches",
        ("adamw", "momentum"),
        num_steps=300,
        batch_size=8,
        load_problem=_half_wrong,
        make_model=_convolutions,
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "heavy_tails",
        "heavy tails in small batches",
        ("adamw", "momentum"),
        num_steps=300,
        batch_size=8,
        load_problem=_heavy_tails,
        make_model=lambda: mlp(6, 32, 32, 1),
        loss_fn=functional.mse_loss,
    ),
    Task(
        "adding_small_batches",
        "recurrent net in small batches",
        ("sgd", "momentum"),
        num_steps=300,
        batch_size=16,
        load_problem=_running_sums,
        make_model=_Accumulator,
        loss_fn=_summed_over_time,
    ),
)
