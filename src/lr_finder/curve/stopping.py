"""When a sweep has seen enough: rules that read one loss after another and say whether it has run away."""

import math
import statistics
from bisect import insort
from collections import deque
from enum import Enum
from typing import Protocol

from lr_finder.curve import thresholds
from lr_finder.curve.momentum import averaged_steps


class StopReason(Enum):
    """Why a sweep ended; the value is the sentence that the user reads."""

    COMPLETED = "the sweep reached its last rate"
    DIVERGED = "the loss diverged"
    NOT_FINITE = "the loss was no longer a finite number"
    DATA_ENDED = "the data ended before the sweep did"
    INTERRUPTED = "the sweep was interrupted"

    @property
    def is_divergence(self) -> bool:
        """Whether the loss had run away."""
        return self in (StopReason.DIVERGED, StopReason.NOT_FINITE)


class StopRule(Protocol):
    """Reads the losses in order."""

    def update(self, loss: float) -> StopReason | None:
        """The reason to stop after this loss, or None to go on."""
        ...


class Divergence:
    """Stops where the median of the last losses is far above its lowest value, measured by how much it has moved.

    "Far" is `drop_factor` times what the median fell before, and at least `noise_factor` times the usual step from one
    loss to the next. Both scale with the loss and ignore its offset, so the rule holds for negative losses and for
    losses far from 0, and a loss that only falls never fires it. A median, because a few losses far above all others,
    or a stray one that is not finite, say nothing about the next. What rises steadily from the first step on, without a
    fall, does not count: something else makes it rise, not the rate.

    A loss that can't rise further, because it saturates, has run away too where it is back up at its worst value, after
    a fall as far as that, and stays there: for longer than a heavy momentum takes to swing back.

    Args:
        momentum: That of the optimizer; None where it is not known.
        drop_factor: How many times the fall before is far.
        noise_factor: How many times a usual step from one loss to the next is far.
        window: Losses of the running median.
    """

    def __init__(
        self,
        *,
        momentum: float | None = None,
        drop_factor: float = thresholds.DIVERGED_DROPS,
        noise_factor: float = thresholds.DIVERGED_JUMPS,
        window: int = thresholds.MEDIAN_STEPS,
    ):
        self.drop_factor = drop_factor
        self.noise_factor = noise_factor
        self._last_losses: deque[float] = deque(maxlen=window)
        self._usual_jumps: list[float] = []  # sorted: only those of the steps before the rise
        self._later_jumps: list[float] = []
        self._levels: list[float] = []
        self._highest = -math.inf
        self._lowest = math.inf
        self._stayed = 0
        self._most_to_stay = max(thresholds.STOP_STEPS, averaged_steps(momentum))

    def update(self, loss: float) -> StopReason | None:
        """The reason to stop after this loss, or None to go on."""
        before = self._last_losses[-1] if self._last_losses else math.inf
        if not math.isfinite(loss):
            loss = math.inf
        elif before < math.inf:
            self._add_jump(abs(loss - before))
        self._last_losses.append(loss)
        level = statistics.median_low(self._last_losses)
        if level == math.inf:
            return StopReason.NOT_FINITE
        self._levels.append(level)
        if level <= self._lowest:
            self._highest, self._lowest = max(self._highest, level), level
            self._stayed = 0
            for jump in self._later_jumps:
                insort(self._usual_jumps, jump)
            self._later_jumps.clear()
        elif len(self._usual_jumps) >= thresholds.STOP_STEPS and self._has_run_away(level):
            return StopReason.DIVERGED
        return None

    def _add_jump(self, jump: float) -> None:
        if len(self._usual_jumps) < thresholds.STOP_STEPS:
            insort(self._usual_jumps, jump)
        else:
            self._later_jumps.append(jump)

    def _has_run_away(self, level: float) -> bool:
        # The upper quarter, because the noise of some losses is seldom, but large.
        jump = self._usual_jumps[3 * len(self._usual_jumps) // 4]
        far = max(self.noise_factor * jump, thresholds.RESOLUTION * max(abs(self._highest), abs(self._lowest)))
        drop, rise = self._highest - self._lowest, level - self._lowest
        stays_worst = drop > far and level > self._highest - jump
        self._stayed = self._stayed + 1 if stays_worst else 0
        if drop <= jump:
            rise -= self._drifted()
        return rise > max(self.drop_factor * drop, far) or self._stayed >= self._most_to_stay

    def _drifted(self) -> float:
        """How far a steady rise since the first loss, as of one network while another learns, would have come."""
        steps, earlier = len(self._levels) - 1, len(self._levels) - 1 - len(self._last_losses)
        return max(self._levels[earlier] - self._levels[0], 0.0) * steps / earlier


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
