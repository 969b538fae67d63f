"""The warm-ups of a search: trains for a short while with several, each from the same start."""

from collections.abc import Callable, Sequence

import numpy as np

from lr_finder.curve.curve import Curve
from lr_finder.curve.stopping import StopReason
from lr_finder.curve.sweep import Sweep
from lr_finder.curve.thresholds import WARMUP_STEPS, WARMUPS
from lr_finder.curve.warmup import Warmup

MOST_STEPS = len(WARMUPS) * WARMUP_STEPS
"""What all of them take together, where every one is needed and no loss runs away."""


def try_warmups(
    ramp: Callable[[Sweep], Curve],
    peak: float,
    group_ratios: Sequence[float] | None = None,
    *,
    wd: float | None = None,
) -> Warmup | None:
    """Trains with the longest warm-up, and with ever longer ones from none on, until one comes as low.

    Args:
        ramp: Trains through a sweep, here one that climbs to the peak and stays there.
        peak: The rate that the training is to have.
        group_ratios: Each parameter group's rate over the one named; the groups' own ratios where left out.
        wd: Weight decay meanwhile.

    Returns:
        What they say; None where the data ended before they could.
    """
    peaks = peak if group_ratios is None else [peak * ratio for ratio in group_ratios]
    found = Warmup(peak, (), np.empty((0, WARMUP_STEPS)))
    for steps in WARMUPS:
        curve = ramp(Sweep.warm_up(peaks, steps, WARMUP_STEPS, wd=wd))
        if curve.stop_reason is StopReason.DATA_ENDED:
            return None
        losses = np.full(WARMUP_STEPS, np.nan)
        if curve.stop_reason is StopReason.COMPLETED:
            losses[:] = curve.losses
        found = Warmup(peak, (*found.tried, steps), np.vstack([found.losses, losses]))
        if found.ran_away or found.steps == steps != found.longest:
            break
    return found
