"""The climbs of a search without a range: each one, from the same start, shows the next where to look."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from lr_finder.core.curve import Curve, Ramp
from lr_finder.core.reading import IN_NOISE, MIN_STEPS, RESOLUTION, cap, is_constant, try_to_read
from lr_finder.core.smoothing import smooth
from lr_finder.core.stopping import StopReason
from lr_finder.core.sweep import Sweep

Plan: TypeAlias = Callable[[int, str], object]
"""Is told how many optimizer steps there will be in all, and what for where that is more than was asked for."""

LOCATE_STEPS, CLIMB_STEPS = 20, 40
"""Steps for the quick look and for the first climb, of 100 planned; fewer in proportion where fewer are planned."""

SLOWER = 2.0, 2.5
"""The second and the third climb take this many times the steps of the one before."""

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
    """A quick look over the whole range, and climbs through the region where the loss reacts, each slower.

    Each goes through the region that the one before found, from the same start. The second is made where there are
    steps left for it or the first was too fast to tell, the third where the second could not be read.

    Args:
        ramp: Trains through a sweep.
        whole: The whole range, with the number of steps to plan for.
        most_steps: What all may take together; `whole.num_it` at least.
        plan: Told where it will be more than `whole.num_it`.

    Returns:
        The curves of the climbs, in order; that of the quick look where there was nothing to climb.
    """
    num_it = whole.num_it
    scale = min(num_it / 100, 1)
    locate_steps, climb_steps = max(MIN_LOCATE_STEPS, round(LOCATE_STEPS * scale)), round(CLIMB_STEPS * scale)
    left = num_it - locate_steps - climb_steps
    if left < 0:
        return [ramp(whole)]
    located = ramp(replace(whole, end_lr=HIGHEST_LR, num_it=locate_steps, stop_div=True))
    if _is_hopeless(located):
        return [located]
    climbs = [ramp(replace(whole, **region(located), num_it=climb_steps))]
    if _are_the_same(located, climbs[0]):
        return [replace(climbs[0], ignores_rate=True)]

    def climb_again(steps: int) -> None:
        taken = len(located) + sum(map(len, climbs))
        steps = min(steps, most_steps - taken)
        if steps >= climb_steps:
            plan(max(num_it, taken + steps), "")
            climbs.append(ramp(replace(whole, **region(climbs[-1]), num_it=steps)))

    second, third = SLOWER
    slow_steps = max(left, round(second * climb_steps))
    if left == slow_steps or _was_too_fast(climbs[0]):
        climb_again(slow_steps)
        if try_to_read(climbs[-1]) is None:
            climb_again(round(third * slow_steps))
    return climbs


def _is_hopeless(located: Curve) -> bool:
    """Whether no slower ramp could tell more: the loss is not finite at once, or no rate moves it."""
    finite = located.losses[np.isfinite(located.losses)]
    return len(finite) == 0 or is_constant(finite) or located.stop_reason is StopReason.DATA_ENDED


def _are_the_same(located: Curve, climbed: Curve) -> bool:
    """Whether two ramps had the same losses on the same batches, although their rates were not: nothing was trained."""
    steps = min(len(located), len(climbed))
    first, second = located.losses[:steps], climbed.losses[:steps]
    if steps < MIN_STEPS or not np.all(np.isfinite([first, second])):
        return False
    return bool(np.all(np.abs(first - second) <= RESOLUTION * np.abs(first).max()))


def _was_too_fast(climbed: Curve) -> bool:
    """Whether a slower climb could tell more."""
    reading = try_to_read(climbed)
    return reading is None or reading.fall_over_noise < IN_NOISE or reading.is_sudden


def region(located: Curve) -> dict[str, float]:
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
