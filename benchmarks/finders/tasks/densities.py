"""Densities: losses are negative log-likelihoods, which start above zero and end below."""

import math
from functools import cache

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor, nn

from benchmarks.finders.tasks.data import split
from benchmarks.finders.tasks.mlps import mlp
from benchmarks.finders.tasks.task import Problem, Task

LOG_TWO_PI = math.log(2 * math.pi)
NUM_COMPONENTS = 4


@cache
def arms(rows: int = 2500) -> Problem:
    """Where a target is given the angle: three branches, narrow, so that a good density is far above 1."""
    generator = np.random.default_rng(0)
    angles = generator.uniform(-1, 1, size=(rows, 1))
    branches = generator.integers(3, size=(rows, 1)) - 1
    targets = 0.2 * np.sin(3 * angles) + 0.3 * branches * angles + generator.normal(scale=0.02, size=angles.shape)
    train, validation = split(angles, targets, 500)
    fixed = GaussianMixture(NUM_COMPONENTS, random_state=0).fit(train.targets.numpy())
    return Problem(train, validation, -float(fixed.score(validation.targets.numpy())))


def mixture_loss(output: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihood of a mixture of Gaussians; output (rows, 3 * components)."""
    logits, means, log_deviations = output.chunk(3, dim=1)
    standard = (targets - means) * (-log_deviations).exp()
    log_densities = -0.5 * standard.square() - log_deviations - 0.5 * LOG_TWO_PI
    return -torch.logsumexp(logits.log_softmax(1) + log_densities, dim=1).mean()


@cache
def _spirals() -> Problem:
    """Points (rows, 4): a two-armed spiral and two noisy functions of it; targets repeat the points."""
    generator = np.random.default_rng(0)
    turns = generator.uniform(0.5, 3, size=3000)
    sign = generator.choice([-1, 1], size=3000)
    spiral = (sign * turns * np.stack([np.cos(2 * turns), np.sin(2 * turns)])).T / 6
    points = np.concatenate([spiral, spiral**2, spiral[:, :1] * spiral[:, 1:]], axis=1)[:, :4]
    points = points + generator.normal(scale=0.02, size=points.shape)
    train, validation = split(points, points.astype(np.float32), 500)
    # Couplings that ignore their input can still shift and scale: a Gaussian with independent columns.
    mean, deviation = train.inputs.mean(0), train.inputs.std(0)
    standard = (validation.inputs - mean) / deviation
    constant = (0.5 * standard.square() + deviation.log() + 0.5 * LOG_TWO_PI).sum(1).mean()
    return Problem(train, validation, float(constant))


class _Flow(nn.Module):
    """Affine couplings (Dinh et al. 2017); gives each point's log-likelihood."""

    def __init__(self, width: int = 32, depth: int = 6):
        super().__init__()
        self.couplings = nn.ModuleList([mlp(2, width, 4) for _ in range(depth)])

    def forward(self, points: Tensor) -> Tensor:
        kept, moved = points.chunk(2, dim=1)
        log_determinant = torch.zeros(len(points))
        for coupling in self.couplings:
            shift, log_scale = coupling(kept).chunk(2, dim=1)
            log_scale = 3 * torch.tanh(log_scale / 3)
            kept, moved = (moved + shift) * log_scale.exp(), kept
            log_determinant = log_determinant + log_scale.sum(1)
        standard = torch.cat([kept, moved], dim=1)
        return log_determinant - 0.5 * (standard.square() + LOG_TWO_PI).sum(1)


def _negative_mean(log_likelihoods: Tensor, _: Tensor) -> Tensor:
    return -log_likelihoods.mean()


DENSITIES = (
    Task(
        "mixture_density",
        "density",
        ("momentum", "adamw", "rmsprop"),
        num_steps=300,
        batch_size=64,
        load_problem=arms,
        make_model=lambda: mlp(1, 32, 3 * NUM_COMPONENTS, activation=nn.Tanh),
        loss_fn=mixture_loss,
    ),
    Task(
        "flow",
        "density",
        ("momentum", "adamw"),
        num_steps=250,
        batch_size=64,
        load_problem=_spirals,
        make_model=_Flow,
        loss_fn=_negative_mean,
    ),
)
