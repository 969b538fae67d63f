"""What there is to see in a curve before any rule chooses a rate."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from lr_finder.curve import thresholds
from lr_finder.curve.curve import Curve
from lr_finder.curve.momentum import averaged_steps
from lr_finder.curve.smoothing import smooth, standard_errors

MEDIAN_TO_DEVIATION = 1.4826
"""The standard deviation of normal noise over the median of its size."""


@dataclass(frozen=True, eq=False)
class Reading:
    """The landmarks of a curve from which the rules choose; made by `Reading.of`.

    Args:
        lrs: Rates of the steps with a finite loss, shape `(steps,)`.
        losses: The smoothed losses there, shape `(steps,)`.
        errors: Standard errors of the smoothed losses, shape `(steps,)`.
        start: The loss before any rate had an effect.
        start_error: Its standard error.
        fell_at_once: How far the loss fell from the first three steps to all the first ones.
        noise: Standard deviation of the raw losses around their trend.
        has_diverged: Whether the loss ran away at the last of these rates.
        runs_away: Whether it is known to run away, in this sweep or in another.
        came_back: Whether the sweep went on after that: the loss had lost half of its fall again, and then fell lower,
            but less clearly. What falls then is a model that too large steps have made another one, and is left out.
    """

    lrs: NDArray[np.float64]
    losses: NDArray[np.float64]
    errors: NDArray[np.float64]
    start: float
    start_error: float
    fell_at_once: float
    noise: float
    has_diverged: bool
    runs_away: bool
    came_back: bool = False

    @classmethod
    def of(cls, curve: Curve) -> "Reading":
        """The landmarks of a curve with `MIN_STEPS` finite losses, whether or not they tell a rate."""
        finite = np.isfinite(curve.paired_losses)
        lrs, raw = curve.lrs[finite], curve.paired_losses[finite]
        has_diverged = curve.stop_reason.is_divergence or not finite[-1]
        runs_away = has_diverged or curve.runs_away
        whole = cls._of(lrs, raw, has_diverged=has_diverged, runs_away=runs_away)
        end = _steps_until_it_came_back(raw, curve.momentum)
        if end <= whole.lowest:
            before = cls._of(lrs[:end], raw[:end], has_diverged=True, runs_away=runs_away, came_back=True)
            if before.clearness > thresholds.CLEARER * whole.clearness:
                return before
        return whole

    @classmethod
    def _of(cls, lrs: NDArray[np.float64], raw: NDArray[np.float64], **known: bool) -> "Reading":
        capped = cap(raw)
        smoothed = smooth(lrs, capped)
        lowest = int(np.argmin(smoothed))
        noise = _noise(raw, lowest)
        start_steps = max(thresholds.START_STEPS, len(raw) // thresholds.START_SHARE)
        first = capped[: min(max(lowest, 1), start_steps)]
        return cls(
            lrs=lrs,
            losses=smoothed,
            errors=_errors(lrs, capped, noise),
            start=float(first.mean()),
            start_error=noise / float(np.sqrt(len(first))),
            fell_at_once=float(raw[: thresholds.START_STEPS].mean() - first[: thresholds.EARLY_STEPS].mean()),
            noise=noise,
            **known,
        )

    @cached_property
    def lowest(self) -> int:
        """Index of the lowest smoothed loss."""
        return int(np.argmin(self.losses))

    @property
    def fall(self) -> float:
        """How far the smoothed loss fell from where it started."""
        return self.start - float(self.losses[self.lowest])

    @property
    def as_low(self) -> tuple[float, float]:
        """The first and the last rate at which the loss may be as low as the lowest, by its noise."""
        rates = self.lrs[self.losses <= self.losses[self.lowest] + self.errors]
        return float(rates[0]), float(rates[-1])

    @property
    def basin(self) -> tuple[float, float]:
        """The first and the last rate of the basin; the last is that of the curve where the loss does not rise again.

        It begins where the loss is first nearly as low as it gets: a second low point far beyond does not move that.
        """
        level = self.losses[self.lowest] + thresholds.BASIN_DEPTH * self.fall
        above = np.flatnonzero(self.losses[self.lowest :] > level)
        last = self.lowest + int(above[0]) if len(above) else len(self.lrs) - 1
        return self.first_within(thresholds.BASIN_DEPTH), float(self.lrs[last])

    @property
    def middle(self) -> float:
        """The middle of the basin, as far as that is known to go on.

        A loss that saturates can stay low over decades of rate. Where it did not run away, its basin counts as a decade
        wide at most; where it did, the middle is no farther above the beginning than that was above the lowest point.
        """
        first, last = self.basin
        widest = self.divergence_margin**2 if self.has_diverged else thresholds.WIDEST_BASIN
        return first * float(np.sqrt(min(last / first, widest)))

    def first_within(self, share: float) -> float:
        """The first rate at which the smoothed loss is within this share of its fall of the lowest point."""
        return float(self.lrs[np.argmax(self.losses <= self.losses[self.lowest] + share * self.fall)])

    @property
    def steps_per_decade(self) -> float:
        """Steps per power of ten of the rate."""
        return (len(self.lrs) - 1) / float(np.log10(self.lrs[-1] / self.lrs[0]))

    @cached_property
    def clearness(self) -> float:
        """The fall in standard errors of itself, at the rate where it is the most: noise may be worst at the lowest."""
        falls, errors = self.start - self.losses, np.hypot(self.start_error, self.errors)
        if not errors.all():
            return np.inf if self.fall > 0 else 0.0
        return float(np.max(falls / errors))

    @property
    def has_fallen(self) -> bool:
        """Whether the fall is more than noise; a short curve's noise is known less."""
        errors = thresholds.CLEAR_FALL_BEFORE_RUNNING_AWAY if self.runs_away else thresholds.CLEAR_FALL
        return self.clearness >= errors * (1 + thresholds.SHORT_CURVE / len(self.lrs))

    @property
    def fall_share(self) -> float:
        """The fall as a share of the loss where it started; a loss that starts at 0 has nothing to compare it with."""
        return self.fall / abs(self.start) if self.start else np.inf

    @property
    def divergence_margin(self) -> float:
        """The factor from the lowest point to where the loss ran away; infinite where it did not."""
        return float(self.lrs[-1] / self.lrs[self.lowest]) if self.has_diverged else np.inf

    @property
    def is_sudden(self) -> bool:
        """Whether the loss ran away right after its lowest point.

        The rates had then passed what a training can stand before the loss showed it.
        """
        return self.divergence_margin < thresholds.SUDDEN

    @property
    def began_too_high(self) -> bool:
        """Whether the loss fell more within the first steps than in all that follow: no rate there was too low."""
        error = self.noise / np.sqrt(thresholds.START_STEPS)
        return self.fell_at_once > max(self.fall, thresholds.FELL_AT_ONCE * error)


def is_constant(losses: NDArray[np.float64]) -> bool:
    """Whether finite losses differ by rounding only."""
    return bool(np.ptp(losses) <= thresholds.RESOLUTION * np.abs(losses).max())


def cap(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Finite losses, cut as far above the first ones as the lowest lies below.

    A loss that has run away says that it has, not by how much; uncut it would drag the smooth line up over rates
    that are still good. Follows any offset or scale of the loss.
    """
    start = float(np.median(losses[: thresholds.MEDIAN_STEPS]))
    return np.minimum(losses, start + (start - losses.min()))


def _steps_until_it_came_back(losses: NDArray[np.float64], momentum: float | None) -> int:
    """The steps after which the loss had lost half of a clear fall again for a while; all where it never had.

    For as many steps as the optimizer averages over, at least: a heavy momentum overshoots and comes back.
    """
    if len(losses) < thresholds.MIN_STEPS:
        return len(losses)
    levels = np.median(sliding_window_view(losses, thresholds.MEDIAN_STEPS), axis=1)
    lowest = np.minimum.accumulate(levels)
    fall = levels[0] - lowest
    is_back = levels - lowest >= thresholds.CAME_BACK * fall
    enough = max(thresholds.BACK_STEPS, round(averaged_steps(momentum)))
    stays = np.convolve(is_back, np.ones(enough))[: len(levels)] == enough
    bends = np.abs(np.diff(losses, n=2))
    for level in np.unique(lowest[stays & (fall > 0)])[::-1]:  # as they come: the lowest only falls
        until = max(int(np.argmax(levels == level)) + thresholds.MEDIAN_STEPS, thresholds.MIN_STEPS)
        if levels[0] - level > thresholds.CLEAR_FALL * MEDIAN_TO_DEVIATION * np.median(bends[:until]) / np.sqrt(6):
            return int(np.argmax(stays & (lowest == level))) + thresholds.MEDIAN_STEPS
    return len(losses)


def _noise(losses: NDArray[np.float64], lowest: int) -> float:
    """Standard deviation of the losses around their trend, from second differences (which a trend leaves alone).

    The largest of three estimates: over the first steps, before the rate has an effect; over means of three of them,
    in case the noise of one batch is like that of the one before; and over all up to the lowest loss, as a median
    because the descent bends. What comes after is the chaos of too high a rate.
    """
    first = losses[: max(len(losses) // 3, thresholds.MIN_STEPS)]
    descent = losses[: max(lowest + 1, len(losses) // 2, thresholds.MIN_STEPS)]
    threes = len(first) // 3
    estimates = [
        np.sqrt(np.mean(np.diff(first, n=2) ** 2)),
        MEDIAN_TO_DEVIATION * np.median(np.abs(np.diff(descent, n=2))),
    ]
    if threes >= thresholds.MIN_STEPS // 2:
        means = first[: 3 * threes].reshape(threes, 3).mean(axis=1)
        estimates.append(np.sqrt(3 * np.mean(np.diff(means, n=2) ** 2)))
    return float(max(estimates)) / np.sqrt(6)


def _errors(lrs: NDArray[np.float64], losses: NDArray[np.float64], noise: float) -> NDArray[np.float64]:
    """Standard errors of the smoothed losses, shape `(steps,)`.

    Those that the noise of the curve gives or, where they are larger, those that the losses around each step give:
    noise can grow with the rate, as where a model begins with all outputs at 0, or where what the batches add was taken
    off.
    """
    changes = np.abs(np.diff(losses, n=2)) / np.sqrt(6)
    noise_by_step = np.concatenate([changes[:1], changes, changes[-1:]])
    return standard_errors(lrs, np.stack([np.full_like(lrs, noise), noise_by_step])).max(axis=0)
