"""How much of the averaged gradient an optimizer keeps from step to step, and for how long that lasts."""

from lr_finder.curve.thresholds import TYPICAL_MOMENTUM


def checked_momentum(momentum: float | None) -> float | None:
    """A momentum as a number, or None where it is not known.

    Raises:
        ValueError: It is below 0, or 1 and more.
    """
    if momentum is None:
        return None
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must be at least 0 and below 1, got {momentum}")
    return float(momentum)


def averaged_steps(momentum: float | None) -> float:
    """Over how many steps an optimizer averages: 1 without momentum; that of a usual one where it is not known."""
    return 1 / (1 - (TYPICAL_MOMENTUM if momentum is None else momentum))
