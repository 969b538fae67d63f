"""The control of a ramp: the same batches without training, which shows what these add to the losses."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lr_finder.curve.curve import Curve
from lr_finder.curve.sweep import Sweep
from lr_finder.curve.thresholds import NEGLIGIBLE

NOTE = (
    "The batches differ by more than the rate does, so the same ones were measured without training too: the losses "
    "shown are without what the batches add."
)


def with_control(ramp: Callable[[Sweep], Curve], climbed: Curve, wd: float | None) -> Curve:
    """A curve with the losses of its batches where nothing is trained.

    Args:
        ramp: Trains through a sweep, from the same start on the same batches.
        climbed: What it gave.
        wd: The weight decay meanwhile.
    """
    steps = len(climbed)
    untrained = replace(Sweep.at(NEGLIGIBLE * float(climbed.lrs[0]), steps, wd=wd), stop_div=False)
    losses = ramp(untrained).losses[:steps]
    missing = np.full(steps - len(losses), np.nan)  # the data ended
    return replace(climbed, control_losses=np.append(losses, missing), notes=(*climbed.notes, NOTE))
