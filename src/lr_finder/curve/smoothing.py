"""Smoothing: two-sided for reading a curve, one-sided for deciding while it is measured."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lr_finder.curve.thresholds import SMOOTHING_WIDTH

MOST_WEIGHTS = 2**20
"""That are held at once, 8 MB; a curve of up to 1,024 steps needs no more."""

NEGLIGIBLE = 9.0
"""Widths beyond which a weight is lost in rounding: it is 3e-18 of the largest."""


def smooth(
    lrs: NDArray[np.float64],
    losses: NDArray[np.float64],
    width: float = SMOOTHING_WIDTH,
    at: NDArray[np.int64] | slice = slice(None),
) -> NDArray[np.float64]:
    """The losses averaged with a Gaussian over the log of the rate, shape `(steps,)`.

    Two-sided, so that nothing lags behind, and over the rate rather than the step, so that a slower ramp is smoothed
    over more steps. Every value is a weighted mean of the losses and stays between their minimum and maximum.

    Args:
        lrs: Rates, shape `(steps,)`.
        losses: Finite losses, shape `(steps,)`.
        width: Standard deviation of the Gaussian, in decades.
        at: Which of the steps the average is wanted for.
    """
    offset = losses.min()  # keeps the digits of small changes on a large loss
    shifted = losses - offset
    averaged = np.concatenate([weights @ shifted[near] for weights, near in _kernels(lrs, width, at)]) + offset
    return np.clip(averaged, offset, losses.max())


def standard_errors(lrs: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those of the smoothed losses, shape `(..., steps)`.

    Args:
        lrs: Rates, shape `(steps,)`.
        noise: Standard deviation of each loss, shape `(..., steps)`.
    """
    variances = [noise[..., near] ** 2 @ weights.T**2 for weights, near in _kernels(lrs)]
    return np.sqrt(np.concatenate(variances, axis=-1))


def _kernels(
    lrs: NDArray[np.float64], width: float = SMOOTHING_WIDTH, at: NDArray[np.int64] | slice = slice(None)
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """The weights, some steps that are wanted after others, and the steps that have a weight there; rows sum to 1."""
    decades = np.log10(lrs)
    wanted = decades[at]
    for some in np.array_split(wanted, max(1, -(-len(wanted) * len(lrs) // MOST_WEIGHTS))):
        near = (decades >= some.min() - NEGLIGIBLE * width) & (decades <= some.max() + NEGLIGIBLE * width)
        weights = np.exp(-0.5 * ((some[:, None] - decades[None, near]) / width) ** 2)
        yield weights / weights.sum(axis=1, keepdims=True), near


class ExponentialAverage:
    """The debiased exponential average of what it was given so far (fastai v1's `SmoothenValue`)."""

    def __init__(self, beta: float):
        self.beta = beta
        self._count = 0
        self._average = 0.0

    def update(self, value: float) -> float:
        """The average with `value` added."""
        self._count += 1
        self._average = self.beta * self._average + (1 - self.beta) * value
        return self._average / (1 - self.beta**self._count)
