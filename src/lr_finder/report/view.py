"""What a picture of a result shows, whatever draws it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lr_finder.curve.curve import Curve
from lr_finder.curve.probe import Probe
from lr_finder.curve.reading import cap
from lr_finder.curve.smoothing import smooth
from lr_finder.curve.suggestion import Suggestion
from lr_finder.curve.thresholds import SMOOTHING_WIDTH
from lr_finder.errors import NoSuggestionError


@dataclass(frozen=True, eq=False)
class View:
    """The finite losses of the steps that are shown, and what they say.

    Args:
        steps: Which steps they are, shape `(steps,)`; may be empty.
        lrs: The rates, shape `(steps,)`.
        losses: The losses, without what their batches add where that was measured; shape `(steps,)`.
        kept: The losses, with what ran away cut off, shape `(steps,)`.
        bottom: Lower end of the loss axis.
        top: Upper end of the loss axis.
        ran_away: The rate at which the loss ran away and the words for it; None where it did not, or is not shown.
        several_groups: Whether the rates are those of the fastest of several parameter groups.
        group_lrs: The rate of each of several parameter groups where the fastest has the suggested one; else empty.
        probes: Short trainings at fixed rates, best first.
        suggestion: The suggested rate, read from all steps; None where there is none.
        headline: The suggestion in a few words.
        details: Its interval and confidence, or why there is none.
        in_a_line: Both, in as few words as there can be.
        name: What tells it from others.
    """

    steps: NDArray[np.int64]
    lrs: NDArray[np.float64]
    losses: NDArray[np.float64]
    kept: NDArray[np.float64]
    bottom: float
    top: float
    ran_away: tuple[float, str] | None
    several_groups: bool
    group_lrs: NDArray[np.float64]
    probes: tuple[Probe, ...]
    suggestion: Suggestion | None
    headline: str
    details: str
    in_a_line: str
    name: str = ""

    @property
    def rate_name(self) -> str:
        """What the rate axis shows."""
        return "learning rate of the fastest group" if self.several_groups else "learning rate"

    @cached_property
    def smoothed(self) -> NDArray[np.float64]:
        """The smooth line through the losses, shape `(steps,)`."""
        return self.smoothed_with(SMOOTHING_WIDTH)

    def smoothed_with(self, width: float, at: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float64]:
        """A line through the losses that is smoothed over so many decades of the rate; 0 does not smooth.

        Args:
            width: Standard deviation of the Gaussian, in decades.
            at: Which of the steps it is wanted for.
        """
        return smooth(self.lrs, self.kept, width, at) if width and len(self.lrs) else self.kept[at]

    def loss_at(self, lr: float) -> float:
        """The smoothed loss at a rate; NaN where no step that is shown was there."""
        if not len(self.lrs):
            return np.nan
        return float(np.interp(np.log(lr), np.log(self.lrs), self.smoothed, left=np.nan, right=np.nan))


def view(
    curve: Curve,
    suggestion: Suggestion | NoSuggestionError,
    probes: tuple[Probe, ...] = (),
    skip_start: int | None = None,
    skip_end: int | None = None,
    name: str = "",
) -> View:
    """What to show of a curve.

    Args:
        curve: The curve.
        suggestion: The suggested rate, or why there is none.
        probes: Short trainings that checked it, best first.
        skip_start: Steps to leave out at the low end.
        skip_end: Steps to leave out at the high end; with a number, 0 included, nothing else is cut off.
        name: What tells it from others.

    Raises:
        ValueError: A number is negative, or no step would be left.
    """
    found, headline, details, in_a_line = _words(suggestion)
    shown = _shown(len(curve), skip_start or 0, skip_end or 0)
    finite = np.isfinite(curve.paired_losses)
    kept = curve.paired_losses.copy()
    # Where the loss never fell there is no height to compare a rise with: all of it is shown.
    if skip_end is None and found is not None:
        kept[finite] = cap(kept[finite])
    steps = np.flatnonzero(finite)
    steps = steps[(steps >= shown.start) & (steps < shown.stop)]
    lrs, losses, kept = (column[steps] for column in (curve.lrs, curve.paired_losses, kept))
    bottom, top = 0.0, 1.0
    if len(losses):
        if kept.min() == kept.max():
            kept = losses
        bottom, top = _ends(losses, kept, [probe.last_loss for probe in probes if not probe.ran_away])
    return View(
        steps=steps,
        lrs=lrs,
        losses=losses,
        kept=kept,
        bottom=bottom,
        top=top,
        ran_away=None if skip_end else _ran_away(curve),
        several_groups=curve.group_lrs.shape[1] > 1,
        group_lrs=_group_lrs(curve, found),
        probes=probes,
        suggestion=found,
        headline=headline,
        details=details,
        in_a_line=in_a_line,
        name=name,
    )


def _ends(losses: NDArray[np.float64], kept: NDArray[np.float64], others: Sequence[float]) -> tuple[float, float]:
    """The ends of the loss axis, which holds the losses that were kept and some others.

    A loss that was cut leaves through the top edge, so that the cut does not look like a plateau.
    """
    bottom, top = min([kept.min(), *others]), max([kept.max(), *others])
    margin = 0.05 * (top - bottom) or 0.05 * abs(top) or 1.0
    was_cut = bool(np.any(losses > kept))
    return float(bottom - margin), float(top - margin if was_cut else top + margin)


def _group_lrs(curve: Curve, suggestion: Suggestion | None) -> NDArray[np.float64]:
    """The rate of each of several groups where that of the fastest is suggested."""
    if suggestion is None or curve.group_lrs.shape[1] == 1 or not len(curve):
        return np.empty(0)
    return curve.group_ratios(suggestion.lr) * suggestion.lr


def _ran_away(curve: Curve) -> tuple[float, str] | None:
    if not len(curve) or not curve.stop_reason.is_divergence:
        return None
    return float(curve.lrs[-1]), curve.stop_reason.value


def _words(suggestion: Suggestion | NoSuggestionError) -> tuple[Suggestion | None, str, str, str]:
    if isinstance(suggestion, NoSuggestionError):
        first_sentence = re.split(r"(?<=\.)\s", str(suggestion), maxsplit=1)[0]
        return None, "No suggestion", first_sentence, "no suggestion"
    low, high, confidence = suggestion.low, suggestion.high, suggestion.confidence
    interval = f"{low:.2g} to {high:.2g} should hold the best rate, {confidence} confidence"
    return suggestion, f"Suggested learning rate {suggestion.lr:.2g}", interval, str(suggestion)


def _shown(steps: int, skip_start: int, skip_end: int) -> slice:
    for name, skipped in (("skip_start", skip_start), ("skip_end", skip_end)):
        if skipped < 0:
            raise ValueError(f"{name} must be at least 0, got {skipped}")
    if skip_start + skip_end >= max(steps, 1):
        raise ValueError(
            f"skip_start and skip_end must leave at least 1 of the {steps} steps, got {skip_start} and {skip_end}"
        )
    return slice(skip_start, steps - skip_end)
