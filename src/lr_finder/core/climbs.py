"""The climbs of a search without a range: each one, from the same start, shows the next where to look."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from lr_finder.core.curve import Curve, Ramp
from lr_finder.core.landmarks import IN_NOISE, MIN_STEPS, RESOLUTION, Reading, cap, is_constant, look_at
from lr_finder.core.reading import try_to_read
from lr_finder.core.stopping import StopReason
from lr_finder.core.sweep import Sweep

Plan: TypeAlias = Callable[[int, str], object]
"""Is told how many optimizer steps there will be in all, and what for where that is more than was asked for."""

LOCATE_STEPS, MIN_LOCATE_STEPS = 20, 12
"""Steps for the quick look, of 100 planned and more; fewer in proportion where fewer are planned, but so many."""

CLIMB = 2
"""The first climb takes this many times the steps of the quick look."""

SLOWER, SLOWEST = 2, 4
"""The second climb takes this many times the steps of the first, the larger one where the first saw next to nothing."""

EVEN_SLOWER = 2.5
"""The third climb takes this many times the steps of the second."""

NEXT_TO_NOTHING = 2.0
"""A fall of less than this many times the noise of a single loss may be anywhere."""

MIN_SEEN = 4
"""Fewer finite losses than this in the quick look show nothing."""

HIGHEST_LR = 1e3
"""Without a range the search goes beyond the reference's 10: a flat loss can want more."""

REACH_BELOW, REACH_ABOVE = 100.0, 30.0
"""A climb reaches from this factor below to this factor above the rate where the ramp before it was lowest. A quick
ramp shows its lowest point at up to six times the rate at which a slow one does."""

RUNAWAY_ABOVE = 100.0
"""A loss runs away at most this factor above its lowest point; a point further down is noise."""


def climb(ramp: Ramp, whole: Sweep, most_steps: int, plan: Plan) -> list[Curve]:
    """A quick look over the whole range, and climbs through the region where the loss reacts, each slower.

    Each goes through the region that the one before found, from the same start. The second is made where there are
    steps left for it or the first was too fast to tell, the third where the second shows no clear fall or began too
    high, as far as there are steps to be no faster than the one before.

    Args:
        ramp: Trains through a sweep.
        whole: The whole range, with the number of steps to plan for.
        most_steps: What all may take together; `whole.num_it` at least.
        plan: Told where it will be more than `whole.num_it`.

    Returns:
        The curves of the climbs, in order; that of the quick look where there was nothing to climb.
    """
    num_it = whole.num_it
    locate_steps = max(round(LOCATE_STEPS * min(num_it / 100, 1)), MIN_LOCATE_STEPS)
    climb_steps = CLIMB * locate_steps
    least = locate_steps + climb_steps
    if least > most_steps:
        return [ramp(whole)]
    if least > num_it:
        plan(least, "")
    located = ramp(replace(whole, end_lr=HIGHEST_LR, num_it=locate_steps, stop_div=True))
    if _is_hopeless(located):
        return [located]
    climbs = [ramp(replace(whole, **first_region(located), num_it=climb_steps))]
    if _are_the_same(located, climbs[0]):
        return [replace(climbs[0], ignores_rate=True)]

    def climb_again(planned: int, at_least: int) -> None:
        taken = len(located) + sum(map(len, climbs))
        steps = min(planned, most_steps - taken)
        # Where the data ended, more steps would only end at lower rates.
        if steps >= at_least and climbs[-1].stop_reason is not StopReason.DATA_ENDED:
            plan(max(num_it, taken + steps), "")
            climbs.append(ramp(replace(whole, **next_region(climbs[-1]), num_it=steps)))

    left = num_it - least
    slower = max(left, (SLOWEST if saw_next_to_nothing(climbs[0]) else SLOWER) * climb_steps)
    if left == slower or _was_too_fast(climbs[0]):
        climb_again(slower, at_least=climb_steps)
        reading = try_to_read(climbs[-1])
        if reading is None or not reading.has_fallen_clearly:
            climb_again(round(EVEN_SLOWER * slower), at_least=slower)
        elif reading.began_too_high:
            climb_again(slower, at_least=slower)
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


def saw_next_to_nothing(climbed: Curve) -> bool:
    """Whether the fall is lost in the noise, or the loss ran away at once: twice the steps would not find it either."""
    return _has_fewer(climbed, MIN_STEPS) or look_at(climbed).fall_over_noise < NEXT_TO_NOTHING


def _has_fewer(curve: Curve, least: int) -> bool:
    """Whether there are fewer finite losses than that."""
    return bool(np.isfinite(curve.losses).sum() < least)


def first_region(look: Curve) -> dict[str, float]:
    """The bounds of the first climb; the whole again where the look saw nothing.

    The look only has to come near, and is too quick to tell its noise.
    """
    if _has_fewer(look, MIN_SEEN):
        return {"end_lr": HIGHEST_LR}
    was_sure = look.stop_reason is StopReason.DIVERGED and not _has_fewer(look, MIN_STEPS)
    reading = look_at(look if was_sure else _until_it_ran_away(look))
    lowest = max(float(reading.lrs[reading.lowest]), _lowest_possible(reading))
    return {"start_lr": lowest / REACH_BELOW, "end_lr": lowest * REACH_ABOVE}


def _until_it_ran_away(look: Curve) -> Curve:
    """The look up to the first of its last losses that are all too high to be noise; all of it where the last is not.

    The steps of a look lie decades apart, and the rule that ends a sweep waits for some of them.
    """
    finite = np.flatnonzero(np.isfinite(look.losses))
    losses = look.losses[finite]
    end = int(np.flatnonzero(losses <= cap(losses))[-1]) + 2
    if end > len(losses):
        return look
    kept = finite[:end]
    return Curve(look.lrs[kept], look.losses[kept], stop_reason=StopReason.DIVERGED)


def next_region(climbed: Curve) -> dict[str, float]:
    """The bounds of a slower climb; the whole again where the faster one saw nothing.

    They hold every rate that may have the lowest loss: of a loss that saturates the first matters, of one that is
    hardly seen in its noise the last. A slower climb runs away no later than a faster one, and need not go further.
    Where the loss fell at once, the rates below are wanted.
    """
    if _has_fewer(climbed, MIN_STEPS):
        return {"end_lr": HIGHEST_LR}
    reading = look_at(climbed)
    if reading.began_too_high:
        return {"start_lr": float(climbed.lrs[0]) / REACH_BELOW, "end_lr": float(climbed.lrs[-1])}
    first, last = (max(lr, _lowest_possible(reading)) for lr in reading.as_low)
    highest = last * REACH_ABOVE
    if reading.has_diverged:
        highest = max(min(highest, float(climbed.lrs[-1])), first * 10)
    return {"start_lr": first / REACH_BELOW, "end_lr": highest}


def _lowest_possible(reading: Reading) -> float:
    """A lower limit for the rate with the lowest loss, from where it ran away; 0 where it did not."""
    return float(reading.lrs[-1]) / RUNAWAY_ABOVE if reading.has_diverged else 0.0
