"""The search for a rate over the one seam, `ramp(sweep) -> Curve`."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from lr_finder.core.curve import Curve
from lr_finder.core.reading import MIN_STEPS, cap, read
from lr_finder.core.result import RangeTestResult
from lr_finder.core.smoothing import smooth
from lr_finder.core.stopping import StopReason
from lr_finder.core.sweep import DEFAULT_END_LR, DEFAULT_START_LR, Bound, Sweep
from lr_finder.errors import NoSuggestionError

Ramp: TypeAlias = Callable[[Sweep], Curve]
"""Trains through the sweep's rates, records one loss per optimizer step, and puts everything back."""

LOCATE_SHARE, CLIMB_SHARE, SLOW_CLIMB_SHARE = 0.2, 0.4, 2.0
"""Shares of the planned steps: for the quick look, for the climb, and for a slower climb where the loss fell little.
Most trainings need the first two alone, so that on average about as many steps are taken as were planned."""

FELL_LITTLE = 0.15
"""A climb in which the loss fell by less than this share of where it started was too fast to tell."""

MIN_LOCATE_STEPS = 12
"""Fewer steps than this over the whole range see nothing."""

HIGHEST_LR = 1e3
"""Without a range the search goes beyond the reference's 10: a flat loss can want more."""

CLIMB_BELOW, CLIMB_ABOVE = 100.0, 30.0
"""The climb reaches from this factor below to this factor above the rate where the quick look was lowest. A quick ramp
shows its lowest point at up to six times the rate at which a slow one does."""

RUNAWAY_ABOVE = 300.0
"""A loss runs away at most this factor above its lowest point; a point further down is noise."""


def search(
    ramp: Ramp,
    *,
    start_lr: Bound | None = None,
    end_lr: Bound | None = None,
    num_it: int = 100,
    stop_div: bool = True,
    wd: float | None = None,
) -> RangeTestResult:
    """Searches for the learning rate to start training with.

    With `start_lr` or `end_lr` given it is one plain ramp in `num_it` steps; a bound left out is then 1e-7 or 10.
    With neither, a quick look over the whole range locates where the loss reacts, and a slower ramp climbs through
    that region, from the same start. Where the loss fell little in it, a much slower one does so again.

    Args:
        ramp: Trains through a sweep's rates and puts everything back: all that a framework has to give.
        start_lr: The rate of the first step.
        end_lr: The rate of the last step.
        num_it: Optimizer steps to plan for; without a range, the search takes between half as many and 2.6 times.
        stop_div: Whether a ramp stops once the loss has diverged.
        wd: Weight decay during the sweep.

    Raises:
        ValueError: A bound or a count is out of range.
    """
    whole = Sweep(
        DEFAULT_START_LR if start_lr is None else start_lr,
        DEFAULT_END_LR if end_lr is None else end_lr,
        num_it,
        stop_div=stop_div,
        wd=wd,
    )
    locate_steps = max(MIN_LOCATE_STEPS, round(LOCATE_SHARE * num_it))
    if start_lr is not None or end_lr is not None or num_it < 3 * MIN_LOCATE_STEPS:
        curve = ramp(whole)
        return RangeTestResult(curve, steps_taken=len(curve))
    curves = [ramp(replace(whole, end_lr=HIGHEST_LR, num_it=locate_steps, stop_div=True))]
    for share in (CLIMB_SHARE, SLOW_CLIMB_SHARE):
        curves.append(ramp(replace(whole, **_region(curves[-1]), num_it=round(share * num_it))))
        fall = _relative_fall(curves[-1])
        if fall is not None and fall >= FELL_LITTLE:
            break
    climbs = curves[1:]
    readable = [climb for climb in climbs if _relative_fall(climb) is not None]
    return RangeTestResult((readable or climbs)[-1], steps_taken=sum(map(len, curves)))


def _relative_fall(climbed: Curve) -> float | None:
    """How far the loss fell, as a share of where it started; None where the curve tells nothing."""
    try:
        reading = read(climbed)
    except NoSuggestionError:
        return None
    return reading.fall / abs(reading.start) if reading.start else np.inf


def _region(located: Curve) -> dict[str, float]:
    """The bounds of the climb, from a quick look over the whole range; the whole again where that saw nothing.

    The quick look only has to come near: whether a fall is more than noise is for the climb to say.
    """
    finite = np.isfinite(located.losses)
    lrs, losses = located.lrs[finite], located.losses[finite]
    if len(losses) < MIN_STEPS:
        return {"end_lr": HIGHEST_LR}
    lowest = float(lrs[np.argmin(smooth(lrs, cap(losses)))])
    if located.stop_reason in (StopReason.DIVERGED, StopReason.NOT_FINITE):
        lowest = max(lowest, float(located.lrs[-1]) / RUNAWAY_ABOVE)
    return {"start_lr": lowest / CLIMB_BELOW, "end_lr": lowest * CLIMB_ABOVE}
