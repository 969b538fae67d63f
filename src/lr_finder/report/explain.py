"""What a search saw, in plain sentences, for someone who meets such a curve for the first time."""

from collections.abc import Sequence

from lr_finder.curve import weight_decay
from lr_finder.curve.clear_reading import clear_reading
from lr_finder.curve.curve import Curve
from lr_finder.curve.group_suggestions import group_suggestions
from lr_finder.curve.horizon import AS_MEASURED, Horizon
from lr_finder.curve.probe import Probe
from lr_finder.curve.suggestion import Suggestion
from lr_finder.curve.thresholds import SMALL_FALL
from lr_finder.curve.warmup import Warmup
from lr_finder.errors import NoSuggestionError

UNTOUCHED = "The model is as it was before the search: nothing of it has been trained."


def explain(
    curve: Curve,
    suggestion: Suggestion | NoSuggestionError,
    steps_taken: int,
    probes: Sequence[Probe] = (),
    *,
    horizon: Horizon = AS_MEASURED,
    measured: float | None = None,
    warmup: Warmup | None = None,
    has_looked: bool = True,
) -> str:
    """What to do, how sure that is and why, and what was measured: a line of sentences for each.

    Args:
        curve: The ramp from which the suggestion is read.
        suggestion: The suggested rate, or why there is none.
        steps_taken: Optimizer steps that the whole search took.
        probes: Short trainings that checked it.
        horizon: The training for which it is.
        measured: The rate that was measured, from which it was carried over to that training.
        warmup: Short trainings that warmed up to the suggestion.
        has_looked: Whether earlier ramps found the range of this one.
    """
    ends = {"found where to look": has_looked, "checked the answer": probes, "tried warm-ups": warmup}
    *others, last = [end for end, is_one in ends.items() if is_one] or [""]
    what_for = f"{', '.join(others)} and {last}" if others else last
    seen = _measured(curve, steps_taken - len(curve), what_for)
    if isinstance(suggestion, NoSuggestionError):
        parts = [[suggestion.remedy], [f"There is no suggestion. {suggestion.seen}"], [*seen, *curve.notes]]
    else:
        parts = [
            [f"Start training with {suggestion.lr:.2g}.", _for_which_training(horizon, measured), UNTOUCHED],
            [_how_sure(suggestion)],
            [] if warmup is None else [warmup.in_words],
            [*seen, suggestion.seen, *_what_to_notice(curve, suggestion), *curve.notes],
            [weight_decay.in_words(curve.training, suggestion.lr, horizon.total_steps)],
        ]
    return "\n".join(" ".join(sentences) for sentences in parts if any(sentences))


def _for_which_training(horizon: Horizon, measured: float | None) -> str:
    if horizon == AS_MEASURED or measured is None:
        return "This is for some hundred steps at a constant rate; result.schedule has longer trainings and schedules."
    return f"This is {horizon.in_words}; the rate for some hundred steps at a constant rate would be {measured:.2g}."


def _how_sure(suggestion: Suggestion) -> str:
    return (
        f"The best rate should lie between {suggestion.low:.2g} and {suggestion.high:.2g}, as it does in four of five "
        f"cases. {suggestion.doubt or f'Confidence is {suggestion.confidence}.'}"
    )


def rates_in_words(optimizers: Sequence[str], suggestions: Sequence[Suggestion]) -> str:
    """The rate of each parameter group, groups that share one told once; nothing where all of them do."""
    rates = [f"{suggestion.lr:.2g}" if suggestion.lr else "none, as it stood still" for suggestion in suggestions]
    if optimizers:
        return ", ".join(dict.fromkeys(f"{name} {rate}" for name, rate in zip(optimizers, rates, strict=True)))
    return ", ".join(rates) if len(set(rates)) > 1 else ""


def _measured(curve: Curve, others: int, what_for: str) -> list[str]:
    if not len(curve):
        return []
    if len(curve) == 1:
        return [f"One training step was taken, at a rate of {curve.lrs[0]:.2g}, and {curve.stop_reason.value}."]
    sentences = [
        f"In {len(curve)} training steps the learning rate climbed from {curve.lrs[0]:.2g} to {curve.lrs[-1]:.2g}, "
        f"until {curve.stop_reason.value}; the curve shows the loss before each step."
    ]
    if others:
        sentences.append(f"Another {others} steps {what_for}.")
    return sentences


def _what_to_notice(curve: Curve, suggestion: Suggestion) -> list[str]:
    reading = clear_reading(curve)
    sentences = []
    by_group = rates_in_words(curve.optimizers, group_suggestions(curve, suggestion))
    if by_group:
        sentences.append(f"That is the largest rate of all parameter groups, which have {by_group}.")
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
    if not reading.runs_away and reading.losses[-1] < reading.start:
        sentences.append("That the loss never ran away is no fault: not every training diverges.")
    return sentences
