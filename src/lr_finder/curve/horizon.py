"""The training to come, as far as the best rate depends on it: how long it is, and how its rate runs."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

ScheduleKind = Literal["constant", "cosine", "linear", "wsd", "one_cycle", "inverse_sqrt"]
"""How the rate runs: the same throughout; from its peak to nothing along half a cosine or a line; constant with a
cooldown to nothing in the last fifth; up and down; falling with the square root of the steps."""


SMALL_SHARE = 0.2
"""A rate that ends below this share of its peak has fallen to next to nothing (by hand)."""


@dataclass(frozen=True)
class Horizon:
    """The training to come.

    Args:
        kind: How its rate runs.
        total_steps: Its optimizer steps; None where that is not known.

    Raises:
        ValueError: There is no such kind, or `total_steps` is below 1.
        TypeError: `total_steps` is no whole number.
    """

    kind: ScheduleKind = "constant"
    total_steps: int | None = None

    def __post_init__(self):
        kinds = get_args(ScheduleKind)
        if self.kind not in kinds:
            raise ValueError(f"schedule must be one of {', '.join(kinds)}, got {self.kind!r}")
        steps = self.total_steps
        if steps is None:
            return
        if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)):
            raise TypeError(f"total_steps must be a whole number, got {steps!r}")
        if steps < 1:
            raise ValueError(f"total_steps must be at least 1, got {steps}")
        object.__setattr__(self, "total_steps", int(steps))

    @property
    def in_words(self) -> str:
        """As in "a rate for ..."."""
        course = {
            "constant": "a constant rate",
            "cosine": "the peak of a cosine",
            "linear": "the peak of a line that falls to nothing",
            "wsd": "the stable part of a warm-up, stable, decay schedule",
            "one_cycle": "the peak of one-cycle",
            "inverse_sqrt": "the peak of an inverse square root",
        }[self.kind]
        return course if self.total_steps is None else f"{course} over {self.total_steps:,} steps"


AS_MEASURED = Horizon()
"""A constant rate for some hundred steps."""
