"""What a search saw, in plain sentences, for someone who meets such a curve for the first time."""

from typing import TYPE_CHECKING

from lr_finder.core.reading import read
from lr_finder.core.schedule import PEAK_FACTOR
from lr_finder.errors import NoSuggestionError

if TYPE_CHECKING:
    from lr_finder.core.result import RangeTestResult

SMALL_FALL = 0.1
"""A fall of less than this share of the loss looks flat in a plot."""


def explain(result: "RangeTestResult") -> str:
    """What was measured, what it suggests, how to use it and how not to; or why there is no suggestion."""
    return " ".join([*_measured(result), *_suggested(result), *result.curve.notes])


def _measured(result: "RangeTestResult") -> list[str]:
    curve = result.curve
    if not len(curve):
        return []
    earlier = result.steps_taken - len(curve)
    sentences = [
        f"In {len(curve)} training steps the learning rate climbed from {curve.lrs[0]:.2g} to {curve.lrs[-1]:.2g}, "
        f"until {curve.stop_reason.value}; the curve shows the loss before each step."
    ]
    if earlier:
        sentences.append(
            f"Another {earlier} steps found where to look{' and checked the answer' * bool(result.probes)}."
        )
    return sentences


def _suggested(result: "RangeTestResult") -> list[str]:
    try:
        suggestion = result.suggestion
    except NoSuggestionError as error:
        return [f"There is no suggestion. {error}"]
    reading = read(result.curve)
    sentences = [
        suggestion.reason,
        f"Start training with {suggestion.lr:.2g}; a good rate should lie between {suggestion.low:.2g} and "
        f"{suggestion.high:.2g}.",
    ]
    lowest = reading.lrs[reading.lowest]
    if lowest > suggestion.high:
        sentences.append(
            f"The lowest point itself, {lowest:.2g}, is not the rate to take: the loss is lowest where the next steps "
            "begin to undo what the ones before gained."
        )
    if reading.fall < SMALL_FALL * abs(reading.start):
        sentences.append(
            "The curve looks flat because the loss fell little, as it does for a model that is trained already; what "
            "counts is that it fell by more than the noise."
        )
    if not reading.has_diverged and reading.losses[-1] < reading.start:
        sentences.append("That the loss never ran away is no fault: not every training diverges.")
    sentences.append(
        f"This is for a constant rate; one-cycle or a cosine may peak at {PEAK_FACTOR['one_cycle']:g} times as much "
        "(result.schedule). The model is as it was before the search: nothing of it has been trained."
    )
    return sentences
