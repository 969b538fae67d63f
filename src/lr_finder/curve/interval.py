"""How sure a suggestion is: how far from it the best rate may lie, and how much a training with it may lose."""

import numpy as np

from lr_finder.curve import thresholds
from lr_finder.curve.reading import Reading
from lr_finder.curve.suggestion import Confidence


def interval_decades(reading: Reading) -> float:
    """Width of the interval around what a curve suggests, in decades; a half of it lies to either side.

    It is the narrower the clearer the fall, and holds the best rate in four of five cases.
    """
    clearness = float(np.clip(reading.clearness, 1, thresholds.CLEAREST))
    return 2 * (thresholds.HALF_WIDTH - thresholds.NARROWS * np.log10(clearness))


def doubt(reading: Reading) -> tuple[Confidence, str]:
    """How far a curve can be trusted, and what there is against it.

    The width of the interval, and how much of what a training changes the curve has shown: where the loss fell by a
    small share of itself, most is still to come, and costs more where the rate is wrong. The share is the one thing
    here that depends on where a loss has its zero.
    """
    width = interval_decades(reading)
    fell = f"the loss fell by {reading.fall_share:.0%}"
    if reading.began_too_high:
        return "low", "the loss fell at once, so that a lower rate may do better; search with a lower start_lr"
    if (lowest := reading.lrs[reading.lowest]) > thresholds.HIGHEST_LR:
        return "low", f"the loss was lowest at {lowest:.2g}, as where it does not depend on the scale of the weights"
    if width > thresholds.WIDE:
        return "low", f"the fall is only {reading.clearness:.1f} times what noise may do"
    if reading.fall_share < thresholds.SMALL_SHARE:
        return "low", f"{fell} only, and what comes after may want another rate"
    if reading.is_sudden:
        return "medium", "the loss ran away right after its lowest point: the rate climbed too fast to see it come"
    if width > thresholds.NARROW:
        return "medium", f"the fall is {reading.clearness:.0f} times what noise may do"
    if reading.fall_share < thresholds.LARGE_SHARE:
        return "medium", f"{fell}, and what comes after may want another rate"
    return "high", f"the fall is clear, and {fell}"
