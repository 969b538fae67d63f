"""The climbs of a search without a range: each one, from the same start, shows the next where to look."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from lr_finder.core.curve import Curve, Ramp
from lr_finder.core.reading import MIN_STEPS, cap, is_constant, try_to_read
from lr_finder.core.smoothing import smooth
from lr_finder.core.stopping import StopReason
from lr_finder.core.sweep import Sweep

Plan: TypeAlias = Callable[[int, str], object]
"""Is told how many optimizer steps there will be in all, and what for where that is more than was asked for."""

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


def climb(ramp: Ramp, whole: Sweep, most_steps: int, plan: Plan) -> list[Curve]:
    """A quick look over the whole range, a climb through the region where the loss reacts, and a slow climb.

    The slow one goes through the region that the first climb found more closely. It is left out where fewer than 260
    steps are planned and the first climb told enough.

    Args:
        ramp: Trains through a sweep.
        whole: The whole range, with the number of steps to plan for.
        most_steps: What all may take together; `whole.num_it` at least.
        plan: Told where it will be more than `whole.num_it`.

    Returns:
        The curves of the climbs, in order: that of the quick look only where there was nothing to climb.
    """
    num_it = whole.num_it
    scale = min(num_it / 100, 1)
    locate_steps, climb_steps = max(MIN_LOCATE_STEPS, round(LOCATE_STEPS * scale)), round(CLIMB_STEPS * scale)
    if num_it < locate_steps + climb_steps:
        return [ramp(whole)]
    located = ramp(replace(whole, end_lr=HIGHEST_LR, num_it=locate_steps, stop_div=True))
    if _is_hopeless(located):
        return [located]
    climbed = ramp(replace(whole, **_region(located), num_it=climb_steps))
    slow_steps = num_it - locate_steps - climb_steps
    if slow_steps < SLOW_STEPS:
        if not _was_too_fast(climbed):
            return [climbed]
        taken = len(located) + len(climbed)
        slow_steps = min(2 * num_it, most_steps - taken)
        if slow_steps < climb_steps:
            return [climbed]
        plan(taken + slow_steps, "")
    return [climbed, ramp(replace(whole, **_region(climbed), num_it=slow_steps))]


def _is_hopeless(located: Curve) -> bool:
    """Whether no slower ramp could tell more: the loss is not finite at once, or no rate moves it."""
    finite = located.losses[np.isfinite(located.losses)]
    return len(finite) == 0 or is_constant(finite) or located.stop_reason is StopReason.DATA_ENDED


def _was_too_fast(climbed: Curve) -> bool:
    """Whether a slower climb could tell more."""
    reading = try_to_read(climbed)
    return reading is None or reading.fall < LOST_IN_NOISE * reading.noise


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
