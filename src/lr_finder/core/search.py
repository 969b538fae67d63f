"""The search for a rate over the one seam, `ramp(sweep) -> Curve`."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from lr_finder.core.curve import Curve
from lr_finder.core.reading import MIN_STEPS, cap
from lr_finder.core.result import RangeTestResult
from lr_finder.core.smoothing import smooth
from lr_finder.core.stopping import StopReason
from lr_finder.core.sweep import DEFAULT_END_LR, DEFAULT_START_LR, Bound, Sweep

Ramp: TypeAlias = Callable[[Sweep], Curve]
"""Trains through the sweep's rates, records one loss per optimizer step, and puts everything back."""

LOCATE_SHARE = 0.3
"""Share of the steps that look for the region; the rest climb through it."""

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
    With neither, a few quick steps over the whole range locate where the loss reacts, and the rest climb slowly
    through that region from the same start.

    Args:
        ramp: Trains through a sweep's rates and puts everything back: all that a framework has to give.
        start_lr: The rate of the first step.
        end_lr: The rate of the last step.
        num_it: Optimizer steps to plan for.
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
    if start_lr is not None or end_lr is not None or num_it < 2 * locate_steps:
        curve = ramp(whole)
        return RangeTestResult(curve, steps_taken=len(curve))
    located = ramp(replace(whole, end_lr=HIGHEST_LR, num_it=locate_steps, stop_div=True))
    climbed = ramp(replace(whole, **_region(located), num_it=num_it - locate_steps))
    return RangeTestResult(climbed, steps_taken=len(located) + len(climbed))


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
