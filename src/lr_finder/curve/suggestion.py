"""A suggested rate, with its interval and the reason for it."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Confidence = Literal["high", "medium", "low"]

SURE = " Confidence is "
"""In a reason, what stands between what was seen and why the confidence is what it is."""


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

    @property
    def seen(self) -> str:
        """The part of the reason that says what was seen."""
        return self.reason.partition(SURE)[0]

    @property
    def doubt(self) -> str:
        """The part that says why the confidence is what it is, in a sentence; empty where there is none."""
        return "".join(self.reason.partition(SURE)[1:]).strip()

    def moved(self, factor: float, *, doubt: float = 0.0) -> "Suggestion":
        """The rate times a factor, within an interval that is wider by an independent doubt of so many decades."""
        below, above = np.hypot(np.log10([self.lr / self.low, self.high / self.lr]), doubt)
        lr = self.lr * factor
        return replace(self, lr=lr, low=float(lr / 10**below), high=float(lr * 10**above))

    def __float__(self) -> float:
        return self.lr

    def __format__(self, spec: str) -> str:
        """As a number has it, `f"{suggestion:.2e}"`; all of it where nothing is asked for."""
        return format(self.lr, spec) if spec else str(self)

    def __str__(self) -> str:
        return f"{self.lr:.2g} ({self.low:.2g} .. {self.high:.2g}), {self.confidence} confidence"
