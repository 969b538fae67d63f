"""What the suggested rate becomes under a schedule."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lr_finder.curve.thresholds import CYCLE_PEAK, MEASURED_STEPS

ScheduleKind = Literal["constant", "one_cycle", "cosine"]

PEAK_FACTOR: dict[ScheduleKind, float] = {"constant": 1.0, "one_cycle": CYCLE_PEAK, "cosine": CYCLE_PEAK}
"""The peak over the rate that is best throughout. One-cycle's up and down is a warm-up and a half cosine."""

WARM_UP: dict[ScheduleKind, float] = {"constant": 0.0, "one_cycle": 0.25, "cosine": 0.05}
"""Share of the steps in which the rate climbs; fastai's default for one-cycle, a usual one for cosine."""


@dataclass(frozen=True)
class Schedule:
    """A schedule's rates for a training of so many steps; `float(schedule)` is the peak.

    Args:
        kind: "constant", "one_cycle" or "cosine".
        lr: The highest rate: `max_lr` of `OneCycleLR`, the optimizer's `lr` for the others.
        total_steps: Optimizer steps of the training.
        warmup_steps: Those in which the rate climbs to `lr`.
        advice: How sure this is, in plain words.
    """

    kind: ScheduleKind
    lr: float
    total_steps: int
    warmup_steps: int
    advice: str

    def __float__(self) -> float:
        return self.lr


def schedule(lr: float, kind: ScheduleKind, total_steps: int) -> Schedule:
    """What a rate that is good throughout becomes under a schedule.

    Raises:
        ValueError: There is no such kind, or `total_steps` is below 1.
        TypeError: `total_steps` is no whole number.
    """
    if kind not in get_args(ScheduleKind):
        raise ValueError(f"kind must be one of {', '.join(get_args(ScheduleKind))}, got {kind!r}")
    if isinstance(total_steps, bool) or not isinstance(total_steps, (int, np.integer)):
        raise TypeError(f"total_steps must be a whole number, got {total_steps!r}")
    if total_steps < 1:
        raise ValueError(f"total_steps must be at least 1, got {total_steps}")
    advice = {
        "constant": "The suggestion itself is for a constant rate.",
        "one_cycle": "One-cycle spends few steps at its peak, which may be twice the rate for a constant one.",
        "cosine": "A rate that falls to nothing may begin at twice the constant one; measured with one-cycle.",
    }[kind]
    if total_steps > MEASURED_STEPS:
        advice += (
            f" This was measured on trainings of up to {MEASURED_STEPS} steps. Much longer ones tend to want smaller "
            "rates, with Adam and its kin above all: try half of it as well."
        )
    return Schedule(kind, PEAK_FACTOR[kind] * lr, total_steps, round(WARM_UP[kind] * total_steps), advice)
