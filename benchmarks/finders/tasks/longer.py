"""Trainings of two thousand steps and more: letters, signals, shifted digits, and the reach of a robot's arm."""

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.finders.tasks.constants import constant_squared_error
from benchmarks.finders.tasks.data import ALPHABET, characters, classification, digits, mnist_1d, split
from benchmarks.finders.tasks.mlps import mlp
from benchmarks.finders.tasks.task import Examples, Problem, Task


class _LetterModel(nn.Module):
    """An LSTM (Hochreiter and Schmidhuber 1997); gives logits of shape (rows, letters, length)."""

    def __init__(self, width: int = 32):
        super().__init__()
        self.letters = nn.Embedding(len(ALPHABET), width)
        self.recurrent = nn.LSTM(width, width, batch_first=True)
        self.predict = nn.Linear(width, len(ALPHABET))

    def forward(self, numbers: Tensor) -> Tensor:
        states, _ = self.recurrent(self.letters(numbers))
        return self.predict(states).transpose(1, 2)


class _LetterTransformer(nn.Module):
    """One layer, normalised before each sum (Radford et al. 2019), no biases; the same letters at both ends."""

    def __init__(self, width: int = 32, heads: int = 4, length: int = 16):
        super().__init__()
        self.heads = heads
        self.letters = nn.Embedding(len(ALPHABET), width)
        self.positions = nn.Parameter(0.02 * torch.randn(length, width))
        self.norms = nn.ModuleList([nn.LayerNorm(width, bias=False) for _ in range(3)])
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)
        self.mlp = mlp(width, 4 * width, width, activation=nn.GELU, bias=False)
        for part in (self.letters, self.queries_keys_values, self.mix, self.mlp[0], self.mlp[2]):
            nn.init.normal_(part.weight, std=0.02)

    def forward(self, numbers: Tensor) -> Tensor:
        tokens = self.letters(numbers) + self.positions
        parts = self.queries_keys_values(self.norms[0](tokens)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(*parts, is_causal=True).transpose(1, 2).flatten(2)
        tokens = tokens + self.mix(attended)
        tokens = tokens + self.mlp(self.norms[1](tokens))
        return functional.linear(self.norms[2](tokens), self.letters.weight).transpose(1, 2)


@cache
def shifted_digits() -> Problem:
    """Digits at random places of a frame of 12 x 12 pixels, each in eight of them; inputs (rows, 1, 12, 12)."""
    generator = torch.Generator().manual_seed(0)

    def shifted(examples: Examples, copies: int) -> Examples:
        images, targets = examples.inputs.reshape(-1, 8, 8).repeat(copies, 1, 1), examples.targets.repeat(copies)
        frames = torch.zeros(len(images), 1, 12, 12)
        for frame, image, (row, column) in zip(
            frames, images, torch.randint(5, (len(images), 2), generator=generator).tolist(), strict=True
        ):
            frame[0, row : row + 8, column : column + 8] = image
        return Examples(frames * 2 - 1, targets)

    return classification(shifted(digits().train, 8), shifted(digits().validation, 1))


def _convolutions() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Flatten(), nn.Linear(144, 10),
    )  # fmt: skip


@cache
def _robot_arm() -> Problem:
    """How far four segments with given angles and lengths reach (An and Owen 2001), standardised."""
    uniform = np.random.default_rng(0).uniform(-1, 1, size=(20_000, 8))
    angles, lengths = np.pi * uniform[:, :4].cumsum(1), (uniform[:, 4:] + 1) / 2
    reach = np.hypot((lengths * np.cos(angles)).sum(1), (lengths * np.sin(angles)).sum(1))[:, None]
    train, validation = split(uniform, ((reach - reach.mean()) / reach.std()).astype(np.float32), 1000)
    return Problem(train, validation, constant_squared_error(train.targets, validation.targets))


LONGER = (
    Task(
        "long_letters",
        "long recurrent net on English",
        ("sgd", "momentum"),
        num_steps=2000,
        batch_size=8,
        load_problem=lambda: characters(16),
        make_model=_LetterModel,
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "long_mlp",
        "long mlp",
        ("adamw", "momentum"),
        num_steps=2500,
        batch_size=16,
        load_problem=mnist_1d,
        make_model=lambda: mlp(40, 64, 64, 10),
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "long_convolution",
        "long convolution with batch norm",
        ("adamw", "momentum"),
        num_steps=2000,
        batch_size=16,
        load_problem=shifted_digits,
        make_model=_convolutions,
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "long_transformer",
        "long transformer on English",
        ("adamw", "sgd"),
        num_steps=2000,
        batch_size=8,
        load_problem=lambda: characters(16),
        make_model=_LetterTransformer,
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "long_regression",
        "long regression",
        ("adamw", "momentum"),
        num_steps=2000,
        batch_size=32,
        load_problem=_robot_arm,
        make_model=lambda: mlp(8, 64, 64, 1),
        loss_fn=functional.mse_loss,
    ),
)
