"""A suggested rate, with its interval and the reason for it."""

from dataclasses import dataclass
from typing import Literal

Confidence = Literal["high", "medium", "low"]


@dataclass(frozen=True)
class Suggestion:
    """The rate that a rule reads from a curve; `float(suggestion)` is the rate.

    Args:
        lr: The suggested rate.
        low: Lower end of the interval; it holds the best rate in four of five cases.
        high: Upper end of it.
        rule: Name of the rule.
        confidence: How far the curve can be trusted.
        reason: What was seen, and why the confidence is what it is.
    """

    lr: float
    low: float
    high: float
    rule: str
    confidence: Confidence
    reason: str

    def __float__(self) -> float:
        return self.lr

    def __str__(self) -> str:
        return f"{self.lr:.2g} ({self.low:.2g} .. {self.high:.2g}), {self.confidence} confidence"
