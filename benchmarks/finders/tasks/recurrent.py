"""Gated recurrent nets: next letters of English, classes of one-dimensional signals, sums of marked numbers."""

from functools import cache

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.finders.tasks.constants import constant_squared_error
from benchmarks.finders.tasks.data import ALPHABET, characters, mnist_1d, split
from benchmarks.finders.tasks.task import Problem, Task


class _LetterModel(nn.Module):
    """Gives logits of shape (rows, letters, length), as cross-entropy takes them."""

    def __init__(self, width: int = 48):
        super().__init__()
        self.letters = nn.Embedding(len(ALPHABET), 24)
        self.recurrent = nn.GRU(24, width, batch_first=True)
        self.predict = nn.Linear(width, len(ALPHABET))

    def forward(self, numbers: Tensor) -> Tensor:
        states, _ = self.recurrent(self.letters(numbers))
        return self.predict(states).transpose(1, 2)


class _SignalClassifier(nn.Module):
    """Reads a signal of 40 values in 10 pieces of 4."""

    def __init__(self, width: int = 32):
        super().__init__()
        self.recurrent = nn.GRU(4, width, batch_first=True)
        self.classify = nn.Linear(width, 10)

    def forward(self, signals: Tensor) -> Tensor:
        states, _ = self.recurrent(signals.unflatten(1, (10, 4)))
        return self.classify(states[:, -1])


@cache
def _adding() -> Problem:
    """Sums of the two marked among 8 numbers, inputs (rows, 8, 2) (Hochreiter and Schmidhuber 1997)."""
    generator = np.random.default_rng(0)
    numbers = generator.random((3000, 8))
    marks = np.zeros_like(numbers)
    rows = np.arange(len(marks))
    marks[rows, generator.integers(4, size=len(marks))] = 1
    marks[rows, 4 + generator.integers(4, size=len(marks))] = 1
    sums = (numbers * marks).sum(1, keepdims=True).astype(np.float32)
    train, validation = split(np.stack([numbers, marks], axis=2), sums, 500)
    return Problem(train, validation, constant_squared_error(train.targets, validation.targets))


class _Adder(nn.Module):
    def __init__(self, width: int = 24):
        super().__init__()
        self.recurrent = nn.GRU(2, width, batch_first=True)
        self.add = nn.Linear(width, 1)

    def forward(self, sequences: Tensor) -> Tensor:
        states, _ = self.recurrent(sequences)
        return self.add(states[:, -1])


RECURRENT = (
    Task(
        "adding",
        "long plateau",
        ("momentum", "adamw"),
        num_steps=300,
        batch_size=32,
        load_problem=_adding,
        make_model=_Adder,
        loss_fn=functional.mse_loss,
    ),
    Task(
        "gru_characters",
        "recurrent net on English",
        ("sgd", "momentum", "adamw"),
        num_steps=250,
        batch_size=16,
        load_problem=lambda: characters(16),
        make_model=_LetterModel,
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "gru_signals",
        "recurrent net on signals",
        ("sgd", "rmsprop", "adamw"),
        num_steps=300,
        batch_size=32,
        load_problem=mnist_1d,
        make_model=_SignalClassifier,
        loss_fn=functional.cross_entropy,
    ),
)
