"""The climbs of a search without a range: each one, from the same start, shows the next where to look."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np

from lr_finder.core.control import with_control
from lr_finder.curve import thresholds
from lr_finder.curve.clear_reading import clear_reading_or_none
from lr_finder.curve.curve import Curve
from lr_finder.curve.interval import doubt, interval_decades
from lr_finder.curve.reading import Reading, cap, is_constant
from lr_finder.curve.stopping import StopReason
from lr_finder.curve.sweep import Sweep

Plan: TypeAlias = Callable[[int, str], object]
"""Is told how many optimizer steps there will be in all, and what for where that is more than was asked for."""


class Climbs(NamedTuple):
    """What the climbs of a search measured.

    Args:
        curve: That of the climb which has the last word; that of the coarse ramp where there was nothing to climb.
        ignores_rate: Whether the losses were the same, batch by batch, at very different rates.
    """

    curve: Curve
    ignores_rate: bool = False


def climb(
    ramp: Callable[[Sweep], Curve], whole: Sweep, most_steps: int, plan: Plan, *, may_stop_early: bool = False
) -> Climbs:
    """A coarse ramp over the whole range, and climbs through the region where the loss reacts, each slower.

    Each goes through the region that the one before found, from the same start. What is planned is spent, unless the
    search may stop early and the interval is narrow already. More is spent only where the last climb tells no rate, or
    one within a wide interval: on the same batches without training, which shows what these add to the losses, and then
    on `SLOWER` times the steps each time, as far as there are any. A rate in doubt is worth a share of them only.

    Args:
        ramp: Trains through a sweep.
        whole: The whole range, with the number of steps to plan for.
        most_steps: What all may take together; `whole.num_it` at least.
        plan: Told where it will be more than `whole.num_it`.
        may_stop_early: Whether fewer steps than planned will do.
    """
    num_it = whole.num_it
    coarse_steps = max(round(thresholds.COARSE_STEPS * min(num_it / 100, 1)), thresholds.MIN_STEPS)
    steps = round(thresholds.SLOWER * coarse_steps)
    if coarse_steps + steps > most_steps:
        return Climbs(ramp(whole))
    if num_it - coarse_steps < (1 + thresholds.SLOWER) * steps:  # there will be no second climb, unless it must
        steps = max(steps, num_it - coarse_steps)
    planned = coarse_steps + steps
    if planned > num_it:
        plan(planned, "")
    coarse = ramp(replace(whole, end_lr=thresholds.HIGHEST_LR, num_it=coarse_steps, stop_div=True))
    if _is_hopeless(coarse):
        return Climbs(coarse)
    climbs = [ramp(replace(whole, **first_region(coarse), num_it=steps))]
    if _are_the_same(coarse, climbs[0]):
        return Climbs(climbs[0], ignores_rate=True)
    taken = len(coarse) + len(climbs[0])
    for_doubt = max(num_it, round(thresholds.SHARE_FOR_DOUBT * most_steps))

    def is_done() -> bool:
        if planned < num_it:
            return may_stop_early and _is_clear(climbs[-1])
        return _tells_enough(climbs[-1])

    while not is_done():
        last = climbs[-1]
        limit = most_steps if clear_reading_or_none(last) is None else for_doubt
        if planned >= num_it and taken + len(last) <= limit and _wants_control(last, coarse):
            taken += len(last)
            plan(max(num_it, taken), "")
            climbs[-1] = with_control(ramp, last, whole.wd)
            continue
        least = steps
        steps = min(max(round(thresholds.SLOWER * steps), num_it - planned), limit - taken)
        region = next_region(last)
        # Where the data ended, more steps would only end at lower rates. What runs away where the coarse ramp began and
        # did not, does so whatever the rate.
        if steps < least or last.stop_reason is StopReason.DATA_ENDED or region["end_lr"] < coarse.lrs[0]:
            break
        planned += steps
        plan(max(num_it, taken + steps), "")
        slower = ramp(replace(whole, **region, num_it=steps))
        climbs.append(replace(slower, runs_away=last.runs_away or last.stop_reason.is_divergence))
        taken += len(slower)
    return Climbs(_last_word(climbs))


def _last_word(climbs: list[Curve]) -> Curve:
    """The last climb, and no faster one that saw more: what a slower one does not see is noise.

    Unless it was too short to tell, or cut short by the end of the data.
    """
    for climbed in reversed(climbs):
        could_tell = climbed.stop_reason is not StopReason.DATA_ENDED and not _has_fewer(climbed, thresholds.MIN_STEPS)
        if could_tell or clear_reading_or_none(climbed) is not None:
            return climbed
    return climbs[-1]


def _wants_control(climbed: Curve, coarse: Curve) -> bool:
    """Whether a climb is lost in its noise, and the batches, whose first one both ramps had, may be the cause."""
    if climbed.control_losses is not None or _has_fewer(climbed, thresholds.MIN_STEPS):
        return False
    if not np.isclose(climbed.losses[0], coarse.losses[0], rtol=thresholds.RESOLUTION, atol=0):
        return False
    reading = Reading.of(climbed)
    return not reading.began_too_high and interval_decades(reading) > thresholds.WIDE


def _is_hopeless(coarse: Curve) -> bool:
    """Whether no slower ramp could tell more: the loss is not finite at once, or no rate moves it."""
    finite = coarse.losses[np.isfinite(coarse.losses)]
    return len(finite) == 0 or is_constant(finite) or coarse.stop_reason is StopReason.DATA_ENDED


def _are_the_same(coarse: Curve, climbed: Curve) -> bool:
    """Whether two ramps had the same losses on the same batches, although their rates were not: nothing was trained."""
    steps = min(len(coarse), len(climbed))
    first, second = coarse.losses[:steps], climbed.losses[:steps]
    if steps < thresholds.MIN_STEPS or not np.all(np.isfinite([first, second])):
        return False
    return bool(np.all(np.abs(first - second) <= thresholds.RESOLUTION * np.abs(first).max()))


def _tells_enough(climbed: Curve, decades: float = thresholds.WIDE) -> bool:
    """Whether a climb tells a rate, to within an interval of so many decades, and began low enough."""
    reading = clear_reading_or_none(climbed)
    return reading is not None and not reading.began_too_high and interval_decades(reading) <= decades


def _is_clear(climbed: Curve) -> bool:
    """Whether the steps that are left can be saved: a narrow interval, no doubt, and the loss was seen to run away."""
    if not _tells_enough(climbed, thresholds.NARROW):
        return False
    reading = Reading.of(climbed)
    return reading.has_diverged and not reading.is_sudden and doubt(reading)[0] != "low"


def _has_fewer(curve: Curve, least: int) -> bool:
    """Whether there are fewer finite losses than that."""
    return bool(np.isfinite(curve.losses).sum() < least)


def first_region(coarse: Curve) -> dict[str, float]:
    """The bounds of the first climb; the whole again where the coarse ramp saw nothing.

    The coarse ramp only has to come near, and is too quick to tell its noise.
    """
    if _has_fewer(coarse, thresholds.MIN_SEEN):
        return {"end_lr": thresholds.HIGHEST_LR}
    was_sure = coarse.stop_reason is StopReason.DIVERGED and not _has_fewer(coarse, thresholds.MIN_STEPS)
    reading = Reading.of(coarse if was_sure else _until_it_ran_away(coarse))
    lowest = max(float(reading.lrs[reading.lowest]), _lowest_possible(reading))
    return {"start_lr": lowest / thresholds.REACH_BELOW, "end_lr": lowest * thresholds.REACH_ABOVE}


def _until_it_ran_away(coarse: Curve) -> Curve:
    """The ramp up to the first of its last losses that are all too high to be noise; all of it where the last is not.

    The steps of a coarse ramp lie decades apart, and the rule that ends a sweep waits for some of them.
    """
    finite = np.flatnonzero(np.isfinite(coarse.losses))
    losses = coarse.losses[finite]
    end = int(np.flatnonzero(losses <= cap(losses))[-1]) + 2
    if end > len(losses):
        return coarse
    kept = finite[:end]
    return Curve(coarse.lrs[kept], coarse.losses[kept], stop_reason=StopReason.DIVERGED)


def next_region(climbed: Curve) -> dict[str, float]:
    """The bounds of a slower climb.

    Where the faster one saw nothing, the whole again; where it ran away at once, what lies below; where the loss fell
    at once, the rates below too. Else they hold every rate that may have the lowest loss: of a loss that saturates the
    first matters, of one that is hardly seen in its noise the last. A slower climb runs away no later than a faster
    one, and need not go further.
    """
    if _has_fewer(climbed, thresholds.MIN_STEPS):
        if not climbed.stop_reason.is_divergence:
            return {"end_lr": thresholds.HIGHEST_LR}
        highest = float(climbed.lrs[-1])
        return {"start_lr": highest / (thresholds.REACH_BELOW * thresholds.REACH_ABOVE), "end_lr": highest}
    reading = Reading.of(climbed)
    if reading.began_too_high:
        return {"start_lr": float(climbed.lrs[0]) / thresholds.REACH_BELOW, "end_lr": float(climbed.lrs[-1])}
    first, last = (max(lr, _lowest_possible(reading)) for lr in reading.as_low)
    highest = last * thresholds.REACH_ABOVE
    if reading.has_diverged:
        highest = max(min(highest, float(climbed.lrs[-1])), first * thresholds.LEAST_REACH)
    return {"start_lr": first / thresholds.REACH_BELOW, "end_lr": highest}


def _lowest_possible(reading: Reading) -> float:
    """A lower limit for the rate with the lowest loss, from where it ran away; 0 where it did not."""
    return float(reading.lrs[-1]) / thresholds.RUNAWAY_ABOVE if reading.has_diverged else 0.0
