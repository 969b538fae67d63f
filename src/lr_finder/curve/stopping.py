"""When a sweep has seen enough: rules that read one loss after another and say whether it has run away."""

import math
import statistics
from enum import Enum
from typing import Protocol

from lr_finder.curve import thresholds
from lr_finder.curve.smoothing import ExponentialAverage


class StopReason(Enum):
    """Why a sweep ended; the value is the sentence that the user reads."""

    COMPLETED = "the sweep reached its last rate"
    DIVERGED = "the loss diverged"
    NOT_FINITE = "the loss was no longer a finite number"
    DATA_ENDED = "the data ended before the sweep did"
    INTERRUPTED = "the sweep was interrupted"


class StopRule(Protocol):
    """Reads the losses in order."""

    def update(self, loss: float) -> StopReason | None:
        """The reason to stop after this loss, or None to go on."""
        ...


class Divergence:
    """Stops where the running average is far above its lowest value, measured by how much the loss has moved.

    "Far" is `drop_factor` times what the average fell before, and at least `noise_factor` times the usual step from
    one loss to the next. Both scale with the loss and ignore its offset, so the rule holds for negative losses and
    for losses far from 0, and a loss that only falls never fires it.
    """

    def __init__(
        self,
        *,
        drop_factor: float = thresholds.DIVERGED_DROPS,
        noise_factor: float = thresholds.DIVERGED_JUMPS,
        beta: float = thresholds.STOP_BETA,
    ):
        self.drop_factor = drop_factor
        self.noise_factor = noise_factor
        self._average = ExponentialAverage(beta)
        self._jumps: list[float] = []
        self._last = math.nan
        self._highest = -math.inf
        self._lowest = math.inf
        self._drop = 0.0

    def update(self, loss: float) -> StopReason | None:
        """The reason to stop after this loss, or None to go on."""
        if not math.isfinite(loss):
            return StopReason.NOT_FINITE
        if not math.isnan(self._last):
            self._jumps.append(abs(loss - self._last))
        self._last = loss
        average = self._average.update(loss)
        if average <= self._lowest:
            self._highest = max(self._highest, average)
            self._lowest = average
            self._drop = self._highest - average
            return None
        if len(self._jumps) >= thresholds.STOP_STEPS and average - self._lowest > self._allowed_rise():
            return StopReason.DIVERGED
        return None

    def _allowed_rise(self) -> float:
        usual_jump = statistics.median(self._jumps)
        size = max(abs(self._highest), abs(self._lowest))
        return max(self.drop_factor * self._drop, self.noise_factor * usual_jump, thresholds.RESOLUTION * size)


class BestMultiple:
    """fastai v1's rule: the smoothed loss is more than 4 times the best one so far, or not finite.

    It is given losses that are smoothed already. Written as best + 3 |best|, which is the same for the positive
    losses that v1 had in mind and does not fire at once on negative ones.
    """

    def __init__(self, factor: float = 4.0):
        self.factor = factor
        self._best = math.inf

    def update(self, loss: float) -> StopReason | None:
        """The reason to stop after this smoothed loss, or None to go on."""
        if not math.isfinite(loss):
            return StopReason.NOT_FINITE
        self._best = min(self._best, loss)
        if loss > self._best + (self.factor - 1) * abs(self._best):
            return StopReason.DIVERGED
        return None
