"""Losses without what their batches add: a hard batch is as hard for a model that is not trained."""

import numpy as np
from numpy.typing import NDArray

from lr_finder.curve.thresholds import MIN_STEPS


def less_what_batches_add(losses: NDArray[np.float64], control_losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """The losses less those of the same batches without training, as a control variate; around the mean of these.

    Taken off is the share that takes most of the noise off the first third of the steps, where the rates have done
    least: all where a batch is hard whatever the model, nothing where the batches were others.

    Args:
        losses: Of a ramp, shape `(steps,)`.
        control_losses: Of the same batches where nothing was trained, shape `(steps,)`.
    """
    finite = np.flatnonzero(np.isfinite(losses) & np.isfinite(control_losses))
    first = finite[: max(len(finite) // 3, MIN_STEPS)]
    changes, batches = np.diff(losses[first]), np.diff(control_losses[first])
    if not np.any(batches):
        return losses
    share = np.clip(changes @ batches / (batches @ batches), 0, 1)
    return losses - share * (control_losses - control_losses[finite].mean())
