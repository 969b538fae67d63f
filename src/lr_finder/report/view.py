"""What a picture of a result shows, whatever draws it."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lr_finder.core.landmarks import cap
from lr_finder.core.result import RangeTestResult
from lr_finder.core.smoothing import smooth
from lr_finder.core.suggest import Suggestion
from lr_finder.errors import NoSuggestionError


@dataclass(frozen=True, eq=False)
class View:
    """The finite losses of the steps that are shown, and what they say.

    Args:
        lrs: The rates, shape `(steps,)`; may be empty.
        losses: The raw losses, shape `(steps,)`.
        smoothed: The smooth line through them, what ran away cut off, shape `(steps,)`.
        bottom: Lower end of the loss axis.
        top: Upper end of the loss axis.
        suggestion: The suggested rate, read from all steps; None where there is none.
        headline: The suggestion in a few words.
        details: Its interval and confidence, or why there is none.
    """

    lrs: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    bottom: float
    top: float
    suggestion: Suggestion | None
    headline: str
    details: str


def view(result: RangeTestResult, skip_start: int | None = None, skip_end: int | None = None) -> View:
    """What to show of a result.

    Args:
        result: The result.
        skip_start: Steps to leave out at the low end.
        skip_end: Steps to leave out at the high end; with a number, 0 included, nothing else is cut off.

    Raises:
        ValueError: A number is negative, or no step would be left.
    """
    suggestion, headline, details = _words(result)
    shown = _shown(len(result.lrs), skip_start or 0, skip_end or 0)
    finite = np.isfinite(result.losses)
    kept = result.losses.copy()
    # Where the loss never fell there is no height to compare a rise with: all of it is shown.
    if skip_end is None and suggestion is not None:
        kept[finite] = cap(kept[finite])
    lrs, losses, kept = (column[shown][finite[shown]] for column in (result.lrs, result.losses, kept))
    if not len(losses):
        return View(lrs, losses, losses, 0.0, 1.0, suggestion, headline, details)
    if kept.min() == kept.max():
        kept = losses
    bottom, top = float(kept.min()), float(kept.max())
    margin = 0.05 * (top - bottom) or 0.05 * abs(top) or 1.0
    # A loss that was cut leaves through the top edge, so that the cut does not look like a plateau.
    has_run_away = bool(np.any(losses > kept))
    top = top - margin if has_run_away else top + margin
    return View(lrs, losses, smooth(lrs, kept), bottom - margin, top, suggestion, headline, details)


def _words(result: RangeTestResult) -> tuple[Suggestion | None, str, str]:
    try:
        found = result.suggestion
    except NoSuggestionError as error:
        first_sentence = re.split(r"(?<=\.)\s", str(error), maxsplit=1)[0]
        return None, "No suggestion", first_sentence
    interval = f"{found.low:.2g} to {found.high:.2g} should hold a good rate, {found.confidence} confidence"
    return found, f"Suggested learning rate {found.lr:.2g}", interval


def _shown(steps: int, skip_start: int, skip_end: int) -> slice:
    for name, skipped in (("skip_start", skip_start), ("skip_end", skip_end)):
        if skipped < 0:
            raise ValueError(f"{name} must be at least 0, got {skipped}")
    if skip_start + skip_end >= max(steps, 1):
        raise ValueError(
            f"skip_start and skip_end must leave at least 1 of the {steps} steps, got {skip_start} and {skip_end}"
        )
    return slice(skip_start, steps - skip_end)
