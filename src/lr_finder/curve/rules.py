"""Rules that read a rate from a curve: one function each, one table of all."""

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from lr_finder.curve.clear_reading import clear_reading
from lr_finder.curve.curve import Curve
from lr_finder.curve.interval import doubt, interval_decades
from lr_finder.curve.momentum import averaged_steps
from lr_finder.curve.reading import Reading
from lr_finder.curve.suggestion import SURE, Suggestion
from lr_finder.curve.thresholds import LAG_FACTOR

Rule: TypeAlias = Callable[[Curve], Suggestion]


def basin(curve: Curve) -> Suggestion:
    """The middle of the rates at which the loss is nearly as low as it gets, divided by how late the ramp shows it.

    The loss is lowest where one more step at that rate just undoes what the steps before it gained; a rate that is to
    be used for a whole training must be smaller. The faster the ramp, the later the loss shows it, and the later the
    more steps the optimizer's momentum averages over, 1 / (1 - momentum).
    """
    reading = clear_reading(curve)
    middle = reading.middle
    divisor = max(LAG_FACTOR * np.cbrt(averaged_steps(curve.momentum)) / np.sqrt(reading.steps_per_decade), 1.0)
    why = f"the rates with about as low a loss have their middle at {middle:.2g}"
    if divisor > 1:
        why += f", and the suggestion is {divisor:.1f} times lower, because a climb shows it late"
    return _suggestion("basin", reading, middle / divisor, why)


def steepest(curve: Curve) -> Suggestion:
    """The rate where the loss falls fastest per decade of rate (Smith 2015, section 3.3; fastai v1)."""
    reading = clear_reading(curve)
    falling = slice(0, max(reading.lowest + 1, 2))
    slopes = np.gradient(reading.losses[falling], np.log10(reading.lrs[falling]))
    lr = reading.lrs[np.argmin(slopes)]
    return _suggestion("steepest", reading, lr, f"it fell fastest at {lr:.2g}")


def min_div10(curve: Curve) -> Suggestion:
    """A tenth of the rate with the lowest loss (fastai v1's second printed value)."""
    reading = clear_reading(curve)
    return _suggestion("min_div10", reading, reading.lrs[reading.lowest] / 10, "that is a tenth of the lowest point")


def valley(curve: Curve) -> Suggestion:
    """Half-way down the last descent to the lowest loss, after fastai 2's rule of that name.

    fastai counts points along the longest falling subsequence; on the smooth line the descent is one stretch, and
    its middle is taken in decades of rate, so that it does not move with the number of steps.
    """
    reading = clear_reading(curve)
    high = np.flatnonzero(reading.losses[: reading.lowest + 1] >= reading.start - 0.02 * reading.fall)
    top = int(high[-1]) if len(high) else 0
    middle = float(np.sqrt(reading.lrs[top] * reading.lrs[reading.lowest]))
    return _suggestion("valley", reading, middle, "that is half-way down the descent")


def slide(curve: Curve) -> Suggestion:
    """The left end of the last window over which the slope changes little, after fastai 2's rule of that name.

    A window of 1.2 decades (fastai's 15 of 100 points over 8 decades) slides down from the lowest loss, where the
    slope at its right end is the higher one, until it is no longer so.
    """
    reading = clear_reading(curve)
    decades = np.log10(reading.lrs[: reading.lowest + 1])
    slopes = np.gradient(reading.losses, np.log10(reading.lrs))[: reading.lowest + 1]
    left_slopes = np.interp(decades - 1.2, decades, slopes)
    level = np.flatnonzero((slopes <= left_slopes) & (decades - 1.2 >= decades[0]))
    right = decades[level[-1]] if len(level) else decades[-1]
    lr = float(10 ** max(right - 1.2, decades[0]))
    return _suggestion("slide", reading, lr, "from there to 1.2 decades above, the slope changes little")


RULES: dict[str, Rule] = {rule.__name__: rule for rule in (basin, steepest, min_div10, valley, slide)}
RuleName: TypeAlias = Literal["basin", "steepest", "min_div10", "valley", "slide"]
"""The names of `RULES`, for those who check types."""

DEFAULT_RULE: RuleName = "basin"


def find_rule(name: str) -> Rule:
    """The rule of that name.

    Raises:
        ValueError: There is none.
    """
    if not isinstance(name, str) or name not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, got {name!r}")
    return RULES[name]


def _suggestion(rule: str, reading: Reading, lr: float, why: str) -> Suggestion:
    lowest = reading.lowest
    confidence, why_not_more = doubt(reading)
    seen = (
        f"The loss fell from {reading.start:.3g} to {reading.losses[lowest]:.3g}, lowest at a rate of "
        f"{reading.lrs[lowest]:.2g}; {why}."
    )
    if reading.came_back:
        seen += (
            f" Up to {reading.lrs[-1]:.2g} it had lost half of that again: too large a step had undone the training, "
            "and how low it fell beyond does not count."
        )
    reason = f"{seen}{SURE}{confidence}: {why_not_more}."
    lr = float(lr)
    reach = float(10 ** (interval_decades(reading) / 2))
    return Suggestion(lr, lr / reach, lr * reach, rule, confidence, reason)
