"""What a suggested rate becomes with larger or smaller batches."""

from dataclasses import replace
from numbers import Real

import numpy as np

from lr_finder.curve.suggestion import SURE, Suggestion
from lr_finder.curve.thresholds import ADAPTIVE_BATCHES, BATCH_DOUBT, FAR_BATCHES, PLAIN_BATCHES
from lr_finder.curve.training import Training


def for_batch_size(suggestion: Suggestion, factor: float, training: Training | None) -> Suggestion:
    """The suggestion for batches so many times as large; its interval widens with the distance.

    Args:
        suggestion: For the batches that were searched with.
        factor: The new batch size over the old one.
        training: What was trained; its optimizer decides how fast the rate grows.

    Raises:
        ValueError: `factor` is not a finite number above 0.
        TypeError: `factor` is no number.
    """
    if isinstance(factor, bool) or not isinstance(factor, (Real, np.integer, np.floating)):
        raise TypeError(f"factor must be a number, the new batch size over the old one, got {factor!r}")
    if not 0 < factor < np.inf:
        raise ValueError(f"factor must be a finite number above 0, the new batch size over the old one, got {factor}")
    is_adaptive = None if training is None else training.is_adaptive
    exponents = {True: [ADAPTIVE_BATCHES], False: [PLAIN_BATCHES], None: [ADAPTIVE_BATCHES, PLAIN_BATCHES]}[is_adaptive]
    scale = min(float(factor) ** exponent for exponent in exponents)
    moved = suggestion.moved(scale, doubt=BATCH_DOUBT * abs(np.log10(factor)))
    seen = f"{suggestion.seen} For batches {factor:g} times as large the rate is {scale:.2g} times as high."
    if 1 / FAR_BATCHES <= factor <= FAR_BATCHES:
        return replace(moved, reason=f"{seen} {suggestion.doubt}".rstrip())
    doubt = f"low: beyond {FAR_BATCHES:g} times the size it is a guess; search again with such batches."
    return replace(moved, confidence="low", reason=f"{seen}{SURE}{doubt}")
