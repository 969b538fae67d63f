"""What one suggested rate is for each parameter group."""

from lr_finder.curve.curve import Curve
from lr_finder.curve.suggestion import Suggestion


def group_suggestions(curve: Curve, suggestion: Suggestion) -> tuple[Suggestion, ...]:
    """A suggestion for each parameter group, in the ratio in which they climbed where the curve is nearest to it."""
    return tuple(suggestion.moved(float(ratio)) for ratio in curve.group_ratios(suggestion.lr))
