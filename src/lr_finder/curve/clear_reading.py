"""The reading of a curve that tells a rate, or the sentence that says why it tells none."""

import numpy as np

from lr_finder.curve.curve import Curve
from lr_finder.curve.reading import Reading, is_constant
from lr_finder.curve.stopping import StopReason
from lr_finder.curve.thresholds import MIN_STEPS, OPEN_DEPTH, OPEN_END, RESOLUTION
from lr_finder.errors import NoSuggestionError


def clear_reading(curve: Curve) -> Reading:
    """The landmarks of a curve that tells a rate.

    Raises:
        NoSuggestionError: The curve tells no rate: too few losses, no fall beyond the noise, or a fall right to the
            last rate.
    """
    finite = curve.losses[np.isfinite(curve.losses)]
    if len(finite) < MIN_STEPS:
        raise NoSuggestionError(_too_few(curve, len(finite)))
    if curve.lrs[0] == curve.lrs[-1]:
        raise NoSuggestionError(f"The rate was {curve.lrs[0]:.2g} throughout, and a curve takes a rate that climbs.")
    if is_constant(finite):
        raise NoSuggestionError(
            f"The loss stayed at {finite[0]:.6g} whatever the rate. Check that it depends on the parameters which the "
            "optimizer holds, and that they are trainable; or raise end_lr."
        )
    reading = Reading.of(curve)
    _check_fall(reading)
    return reading


def clear_reading_or_none(curve: Curve) -> Reading | None:
    """The same, but None where the curve tells no rate."""
    try:
        return clear_reading(curve)
    except NoSuggestionError:
        return None


def _too_few(curve: Curve, finite: int) -> str:
    if len(curve) and not np.isfinite(curve.losses[0]):
        return (
            f"The loss was {curve.losses[0]} at the first step, before the rate could matter. "
            "Check the data, the loss function and the initial weights; then search again."
        )
    remedy = {
        StopReason.DATA_ENDED: "Pass a loader that can start over, or one with more batches.",
        StopReason.INTERRUPTED: "Let the search run on.",
        StopReason.COMPLETED: "Raise num_it.",
    }.get(curve.stop_reason, "Lower start_lr, or raise num_it.")
    return (
        f"{finite} of {len(curve)} losses were finite ({curve.stop_reason.value}), and a curve takes at least "
        f"{MIN_STEPS}. {remedy}"
    )


def _check_fall(reading: Reading) -> None:
    losses, lowest = reading.losses, reading.lowest
    rounding = RESOLUTION * float(np.abs(losses).max())
    if not reading.has_fallen or reading.fall <= rounding:
        raise NoSuggestionError(
            f"The loss never fell clearly: it started at {reading.start:.4g} and its lowest smoothed value was "
            f"{losses[lowest]:.4g}, with noise of {reading.noise:.2g} from batch to batch. Use larger batches or raise "
            "num_it; if it rose from the start, lower start_lr."
        )
    if reading.lrs[-1] < OPEN_END * reading.first_within(OPEN_DEPTH) and not reading.has_diverged:
        raise NoSuggestionError(
            f"The loss was still falling at the last rate, {reading.lrs[-1]:.2g}: the best one may lie above. "
            "Raise end_lr."
        )
