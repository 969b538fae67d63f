"""The reading of a curve that tells a rate, or the sentence that says why it tells none."""

import numpy as np

from lr_finder.curve.curve import Curve
from lr_finder.curve.reading import Reading, is_constant
from lr_finder.curve.stopping import StopReason
from lr_finder.curve.thresholds import HARMLESS_LR, MIN_STEPS, OPEN_DEPTH, OPEN_END, RESOLUTION
from lr_finder.errors import NoSuggestionError

MORE_DATA = "The data ended: give a loader that can start over (no iterator), or one with more batches."


def clear_reading(curve: Curve) -> Reading:
    """The landmarks of a curve that tells a rate.

    Raises:
        NoSuggestionError: The curve tells no rate: too few losses, no fall beyond the noise, or a fall right to the
            last rate.
    """
    finite = curve.paired_losses[np.isfinite(curve.paired_losses)]
    if len(finite) < MIN_STEPS:
        raise _too_few(curve, len(finite))
    if curve.lrs[0] == curve.lrs[-1]:
        raise NoSuggestionError(
            f"The rate was {curve.lrs[0]:.2g} at every step, and a curve takes a rate that climbs.",
            "Search with start_lr below end_lr, or with neither.",
        )
    if is_constant(finite) and not np.isfinite(curve.losses[-1]):
        highest = curve.lrs[np.isfinite(curve.paired_losses)][-1]
        raise NoSuggestionError(
            f"The loss stayed at {finite[0]:.6g} up to a rate of {highest:.2g}, and was no longer finite then.",
            "Check that it depends on the parameters that the optimizer holds, and the precision: keep the weights in "
            "float32, and use autocast for the forward pass.",
        )
    if is_constant(finite):
        raise NoSuggestionError(
            f"The loss stayed at {finite[0]:.6g} whatever the rate, from {curve.lrs[0]:.2g} to {curve.lrs[-1]:.2g}.",
            "Check that it depends on the parameters that the optimizer holds, and that they are trainable; if so, "
            f"search up to higher rates, end_lr={100 * curve.lrs[-1]:.0e}.",
        )
    reading = Reading.of(curve)
    _check_fall(reading, data_ended=curve.stop_reason is StopReason.DATA_ENDED)
    return reading


def clear_reading_or_none(curve: Curve) -> Reading | None:
    """The same, but None where the curve tells no rate."""
    try:
        return clear_reading(curve)
    except NoSuggestionError:
        return None


def _too_few(curve: Curve, finite: int) -> NoSuggestionError:
    if len(curve) and not np.isfinite(curve.losses[0]):
        return NoSuggestionError(
            f"The loss was {curve.losses[0]} at the first step, before the rate could matter.",
            "Check the data, the loss function and the initial weights, then search again.",
        )
    seen = (
        f"{finite} of {len(curve)} losses were finite ({curve.stop_reason.value}), and a curve takes at least "
        f"{MIN_STEPS}."
    )
    if len(curve) and curve.stop_reason is StopReason.NOT_FINITE:
        trained_at = curve.lrs[np.argmin(np.isfinite(curve.losses)) - 1]
        if trained_at < HARMLESS_LR:
            return NoSuggestionError(
                f"The loss was no longer finite after a step at a rate of {trained_at:.2g}, too low to be the cause.",
                "Check the data for NaN and infinity, and the precision: keep the weights in float32, and use autocast "
                "for the forward pass.",
            )
    remedies = {
        StopReason.DATA_ENDED: MORE_DATA,
        StopReason.INTERRUPTED: "Let the search run on.",
        StopReason.COMPLETED: f"Take more steps, num_it={10 * MIN_STEPS} for example.",
    }
    lower = f"Search from lower rates, start_lr={curve.lrs[0] / 100:.0e}, or with more steps." if len(curve) else ""
    return NoSuggestionError(seen, remedies.get(curve.stop_reason, lower))


def _check_fall(reading: Reading, *, data_ended: bool) -> None:
    losses, lowest = reading.losses, reading.lowest
    rounding = RESOLUTION * float(np.abs(losses).max())
    if not reading.has_fallen or reading.fall <= rounding:
        more_steps = f"num_it={float(f'{3 * len(reading.lrs):.0e}'):.0f}"
        remedy = f"Use larger batches or more steps, {more_steps}; where the loss only rose, search from lower rates."
        if not reading.has_diverged and lowest > len(losses) // 2:
            remedy = (
                f"Search up to higher rates, end_lr={100 * reading.lrs[-1]:.0e}, with larger batches, or {more_steps}."
            )
        raise NoSuggestionError(
            f"The loss never fell clearly: it started at {reading.start:.4g}, its lowest smoothed value was "
            f"{losses[lowest]:.4g}, and from batch to batch it varies by {reading.noise:.2g}.",
            MORE_DATA if data_ended else remedy,
        )
    if reading.lrs[-1] < OPEN_END * reading.first_within(OPEN_DEPTH) and not reading.has_diverged:
        raise NoSuggestionError(
            f"The loss was still falling at the last rate, {reading.lrs[-1]:.2g}: the best one may lie above.",
            MORE_DATA if data_ended else f"Search up to higher rates, end_lr={100 * reading.lrs[-1]:.0e}.",
        )
