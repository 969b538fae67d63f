"""What a curve says, in plain sentences."""

from lr_finder.core.curve import Curve
from lr_finder.core.rules import DEFAULT_RULE, find_rule
from lr_finder.errors import NoSuggestionError


def explain(curve: Curve, steps_taken: int) -> str:
    """What was measured, what it suggests and how to use it; or why there is no suggestion."""
    sentences = []
    if len(curve):
        sentences.append(
            f"The search took {steps_taken} training steps; in the {len(curve)} that the curve shows, the rate climbed "
            f"from {curve.lrs[0]:.2g} to {curve.lrs[-1]:.2g} until {curve.stop_reason.value}."
        )
    try:
        suggestion = find_rule(DEFAULT_RULE)(curve)
    except NoSuggestionError as error:
        sentences.append(f"There is no suggestion. {error}")
    else:
        sentences += [
            suggestion.reason,
            f"Start training with {suggestion.lr:.2g}; anything from {suggestion.low:.2g} to {suggestion.high:.2g} "
            f"should do about as well ({suggestion.confidence} confidence).",
            "The lowest point itself is too high for a whole training: the loss there is about to rise.",
        ]
    return " ".join([*sentences, *curve.notes])
