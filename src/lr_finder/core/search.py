"""The search for a rate over the one seam, `ramp(sweep) -> Curve`."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from lr_finder.core.curve import Curve
from lr_finder.core.reading import MIN_STEPS, Reading, cap, is_constant, read
from lr_finder.core.result import RangeTestResult
from lr_finder.core.smoothing import smooth
from lr_finder.core.stopping import StopReason
from lr_finder.core.sweep import DEFAULT_END_LR, DEFAULT_START_LR, Bound, Sweep
from lr_finder.errors import NoSuggestionError

Ramp: TypeAlias = Callable[[Sweep], Curve]
"""Trains through the sweep's rates, records one loss per optimizer step, and puts everything back."""

LOCATE_STEPS, CLIMB_STEPS = 20, 40
"""Steps for the quick look and for the climb, of 100 planned; fewer in proportion where fewer are planned."""

SLOW_STEPS = 200
"""A climb of this many steps or more is slow enough for most trainings; slower ones read little better."""

LOST_IN_NOISE = 5.0
"""A climb in which the loss fell by less than this many times its noise was too fast to tell."""

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
    With neither, a quick look over the whole range locates where the loss reacts, a climb through that region, from
    the same start, finds it more closely, and a slow climb through the region then found gives the answer. The slow
    one is left out where fewer than 260 steps are planned and the first told enough.

    Args:
        ramp: Trains through a sweep's rates and puts everything back: all that a framework has to give.
        start_lr: The rate of the first step.
        end_lr: The rate of the last step.
        num_it: Optimizer steps to plan for; without a range, up to 2.6 times as many where that is too few to tell.
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
    scale = min(num_it / 100, 1)
    locate_steps, climb_steps = max(MIN_LOCATE_STEPS, round(LOCATE_STEPS * scale)), round(CLIMB_STEPS * scale)
    if start_lr is not None or end_lr is not None or num_it < locate_steps + climb_steps:
        curve = ramp(whole)
        return RangeTestResult(curve, steps_taken=len(curve))
    located = ramp(replace(whole, end_lr=HIGHEST_LR, num_it=locate_steps, stop_div=True))
    if _is_hopeless(located):
        return RangeTestResult(located, steps_taken=len(located))
    climbs = [ramp(replace(whole, **_region(located), num_it=climb_steps))]
    left = num_it - locate_steps - climb_steps
    if left >= SLOW_STEPS or _was_too_fast(climbs[0]):
        slow_steps = left if left >= SLOW_STEPS else 2 * num_it
        climbs.append(ramp(replace(whole, **_region(climbs[0]), num_it=slow_steps)))
    readable = [climb for climb in climbs if _reading(climb) is not None]
    return RangeTestResult((readable or climbs)[-1], steps_taken=sum(map(len, [located, *climbs])))


def _is_hopeless(located: Curve) -> bool:
    """Whether no slower ramp could tell more: the loss is not finite at once, or no rate moves it."""
    finite = located.losses[np.isfinite(located.losses)]
    return len(finite) == 0 or is_constant(finite) or located.stop_reason is StopReason.DATA_ENDED


def _was_too_fast(climb: Curve) -> bool:
    """Whether a slower climb could tell more."""
    reading = _reading(climb)
    return reading is None or reading.fall < LOST_IN_NOISE * reading.noise


def _reading(climb: Curve) -> Reading | None:
    """The landmarks of a climb, or None where it has none."""
    try:
        return read(climb)
    except NoSuggestionError:
        return None


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
