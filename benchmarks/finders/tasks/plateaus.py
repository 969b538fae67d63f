"""Kinds that rest on a plateau before they learn: sets, clouds of points, a net without skips, copying in context."""

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.finders.tasks.constants import constant_squared_error
from benchmarks.finders.tasks.data import classification, digits, split
from benchmarks.finders.tasks.mlps import mlp
from benchmarks.finders.tasks.task import Examples, Problem, Task


@cache
def samples_of_numbers(rows: int = 3000) -> Problem:
    """Sets of 16 numbers of any mean and spread (rows, 16, 1), and the variance of each."""
    generator = np.random.default_rng(0)
    means, spreads = generator.normal(size=(rows, 1)), generator.uniform(0.1, 1.5, size=(rows, 1))
    samples = means + spreads * generator.normal(size=(rows, 16))
    train, validation = split(samples[:, :, None], samples.var(1, keepdims=True).astype(np.float32), 500)
    return Problem(train, validation, constant_squared_error(train.targets, validation.targets))


class DeepSet(nn.Module):
    """What is seen in each element is averaged, then read (Zaheer et al. 2017)."""

    def __init__(self, width: int = 32):
        super().__init__()
        self.see, self.read = mlp(1, width, width), mlp(width, width, 1)

    def forward(self, sets: Tensor) -> Tensor:
        return self.read(self.see(sets).mean(1))


def _outline(*corners: tuple[float, float]) -> np.ndarray:
    """64 points at equal shares of the way along the lines from corner to corner."""
    share = np.linspace(0, len(corners) - 1, 64)
    return np.stack([np.interp(share, range(len(corners)), axis) for axis in zip(*corners, strict=True)], axis=1)


def _curve(angles: np.ndarray, radii: np.ndarray | float) -> np.ndarray:
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


def _shapes() -> list[np.ndarray]:
    """Circle, ellipse, half circle, spiral, square, triangle, cross and line, as 64 points each."""
    turn = np.linspace(0, 2 * np.pi, 64)
    cross = np.concatenate([_outline((-1, 0), (1, 0))[::2], _outline((0, -1), (0, 1))[::2]])
    return [
        _curve(turn, 1), _curve(turn, 1) * [1, 0.5], _curve(turn / 2, 1), _curve(2 * turn, turn / (2 * np.pi)),
        _outline((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)), _outline((-1, -0.6), (1, -0.6), (0, 1.2), (-1, -0.6)),
        cross, _outline((-1, 0), (1, 0)),
    ]  # fmt: skip


@cache
def _clouds() -> Problem:
    """32 noisy points of one of 8 shapes, turned by any angle and of any size from 0.5 to 1.5; rows (32, 2)."""
    generator = np.random.default_rng(0)
    shapes, clouds = np.arange(3000) % 8, []
    for shape in shapes:
        points = _shapes()[shape][generator.choice(64, 32, replace=False)]
        angle, size = generator.uniform(0, 2 * np.pi), generator.uniform(0.5, 1.5)
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        clouds.append(size * points @ rotation + 0.03 * generator.normal(size=(32, 2)))
    return classification(*split(np.stack(clouds), shapes, 500))


class _PointNet(nn.Module):
    """What any point shows most strongly, of 32 things, is classified (Qi et al. 2017)."""

    def __init__(self):
        super().__init__()
        self.see, self.classify = mlp(2, 32, 32), mlp(32, 32, 8)

    def forward(self, clouds: Tensor) -> Tensor:
        return self.classify(self.see(clouds).amax(1))


def _sixteen_layers() -> nn.Sequential:
    """Tanh in torch's own initialisation, in which the signal vanishes (Glorot and Bengio 2010)."""
    return mlp(64, *[32] * 15, 10, activation=nn.Tanh)


NUM_SYMBOLS, HALF = 64, 12


@cache
def _repetitions() -> Problem:
    """6 to 12 different symbols, again and again for 24 places; targets are the second half."""
    generator = np.random.default_rng(0)
    symbols = generator.permuted(np.tile(np.arange(NUM_SYMBOLS), (8000, 1)), axis=1)
    periods = generator.integers(HALF // 2, HALF + 1, size=(8000, 1))
    rows = torch.tensor(np.take_along_axis(symbols, np.arange(2 * HALF) % periods, axis=1))
    train, validation = (Examples(part[:, :-1], part[:, HALF:]) for part in (rows[:-500], rows[-500:]))
    return classification(train, validation)


class _AttentionOnly(nn.Module):
    """Two layers of causal attention with one head and nothing else (Olsson et al. 2022).

    Gives logits of shape (rows, symbols, 12) of what follows from the end of the first half on.
    """

    def __init__(self, width: int = 32):
        super().__init__()
        self.symbols, self.positions = nn.Embedding(NUM_SYMBOLS, width), nn.Embedding(2 * HALF - 1, width)
        nn.init.normal_(self.symbols.weight, std=0.02)
        nn.init.normal_(self.positions.weight, std=0.02)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.attend = nn.ModuleList([nn.Linear(width, 3 * width, bias=False) for _ in range(2)])
        self.combine = nn.ModuleList([nn.Linear(width, width, bias=False) for _ in range(2)])
        self.predict = nn.Linear(width, NUM_SYMBOLS, bias=False)

    def forward(self, numbers: Tensor) -> Tensor:
        hidden = self.symbols(numbers) + self.positions.weight
        for attend, combine in zip(self.attend, self.combine, strict=True):
            queries, keys, values = attend(self.norm(hidden)).chunk(3, dim=-1)
            hidden = hidden + combine(functional.scaled_dot_product_attention(queries, keys, values, is_causal=True))
        return self.predict(self.norm(hidden[:, HALF - 1 :])).transpose(1, 2)


PLATEAUS = (
    Task(
        "deep_set",
        "sets",
        ("adamw", "momentum"),
        num_steps=300,
        batch_size=32,
        load_problem=samples_of_numbers,
        make_model=DeepSet,
        loss_fn=functional.mse_loss,
    ),
    Task(
        "point_net",
        "clouds of points",
        ("adamw", "momentum"),
        num_steps=300,
        batch_size=32,
        load_problem=_clouds,
        make_model=_PointNet,
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "deep_tanh",
        "deep and not normalised",
        ("adamw", "rmsprop"),
        num_steps=400,
        batch_size=32,
        load_problem=digits,
        make_model=_sixteen_layers,
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "induction",
        "copying in context",
        ("adamw", "momentum"),
        num_steps=2000,
        batch_size=16,
        load_problem=_repetitions,
        make_model=_AttentionOnly,
        loss_fn=functional.cross_entropy,
    ),
)
