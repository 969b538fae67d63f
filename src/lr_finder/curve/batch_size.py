"""What a suggested rate becomes with larger or smaller batches."""

from dataclasses import replace
from numbers import Real

import numpy as np

from lr_finder.curve.suggestion import SURE, Suggestion
from lr_finder.curve.thresholds import (
    ADAPTIVE_BATCHES,
    BATCH_DOUBT,
    FAR_BATCHES,
    PLAIN_LARGER_BATCHES,
    PLAIN_SMALLER_BATCHES,
)
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
    kinds = (True, False) if is_adaptive is None else (is_adaptive,)  # where it is not known, the lower rate
    scale = min(float(factor) ** exponent_of(factor, is_adaptive=kind) for kind in kinds)
    moved = suggestion.moved(scale, doubt=BATCH_DOUBT * abs(np.log10(factor)))
    seen = f"{suggestion.seen} For batches {factor:g} times as large the rate is {scale:.2g} times as high."
    if 1 / FAR_BATCHES <= factor <= FAR_BATCHES:
        return replace(moved, reason=f"{seen} {suggestion.doubt}".rstrip())
    doubt = f"low: beyond {FAR_BATCHES:g} times the size it is a guess; search again with such batches."
    return replace(moved, confidence="low", reason=f"{seen}{SURE}{doubt}")


def exponent_of(factor: float, *, is_adaptive: bool) -> float:
    """The power of the factor on the batch size by which the rate grows; for SGD that which leads to the lower one."""
    if is_adaptive:
        return ADAPTIVE_BATCHES
    return PLAIN_LARGER_BATCHES if factor > 1 else PLAIN_SMALLER_BATCHES
