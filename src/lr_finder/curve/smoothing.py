"""Smoothing: two-sided for reading a curve, one-sided for deciding while it is measured."""

import numpy as np
from numpy.typing import NDArray

from lr_finder.curve.thresholds import SMOOTHING_WIDTH


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
    averaged = kernel(lrs, width, at) @ (losses - offset) + offset
    return np.clip(averaged, offset, losses.max())


def kernel(
    lrs: NDArray[np.float64], width: float = SMOOTHING_WIDTH, at: NDArray[np.int64] | slice = slice(None)
) -> NDArray[np.float64]:
    """The weights that `smooth` uses, a row for each step that is wanted, shape `(wanted, steps)`; rows sum to 1."""
    decades = np.log10(lrs)
    weights = np.exp(-0.5 * ((decades[at, None] - decades[None, :]) / width) ** 2)
    return weights / weights.sum(axis=1, keepdims=True)


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
