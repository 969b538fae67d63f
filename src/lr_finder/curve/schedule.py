"""What the suggested rate becomes in a training of another length, and under a schedule."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lr_finder.curve.horizon import AS_MEASURED, Horizon, ScheduleKind
from lr_finder.curve.suggestion import Suggestion
from lr_finder.curve.thresholds import HEAVY_MOMENTUM, LENGTH_DOUBT, MEASURED_STEPS, SHORT_STEPS
from lr_finder.curve.training import Training
from lr_finder.curve.warmup import Warmup


class Law(NamedTuple):
    """How the best rate, or the best peak, depends on the number of steps T.

        rate = suggestion * peak * ((1 + SHORT_STEPS / knee) / (1 + T / knee)) ** exponent

    Args:
        peak: The factor on the suggestion in a short training.
        knee: Steps from which on the rate falls.
        exponent: How fast it falls then: 0.5 is by 10 in 100 times the steps.
    """

    peak: float = 1.0
    knee: float = 2000.0
    exponent: float = 0.5

    def factor(self, total_steps: int) -> float:
        """What the suggestion is to be multiplied by."""
        return self.peak * ((1 + SHORT_STEPS / self.knee) / (1 + total_steps / self.knee)) ** self.exponent


LAWS: dict[ScheduleKind, Law] = {
    "constant": Law(),
    "cosine": Law(1.6, exponent=0.1),
    "linear": Law(1.6, exponent=0.1),
    "wsd": Law(exponent=0.1),
    "one_cycle": Law(1.6, exponent=0.1),
    "inverse_sqrt": Law(1.6, exponent=0.1),
}
"""The best peaks lie higher as a rule, at two to three times the suggestion; but not much above them some fail."""

HEAVY = Law(knee=100, exponent=0.6)
"""At a constant rate, for SGD with a momentum of `HEAVY_MOMENTUM` and more: what is good in a short training it can't
bear for long (published figures, horizon.json)."""

WARM_UP: dict[ScheduleKind, float] = {
    "constant": 0.0, "cosine": 0.05, "linear": 0.05, "wsd": 0.05, "one_cycle": 0.25, "inverse_sqrt": 0.05,
}  # fmt: skip
"""Share of the steps in which the rate climbs at least; fastai's default for one-cycle, a usual one for the others."""

LEAST_WARM_UP, LARGEST_SHARE = 100, 0.4
"""So many steps at least, unless they are more than that share of the training. 100 of 250 and of 1,000 steps save most
of the trainings that fail without a warm-up, and cost the others next to nothing (warmup.json)."""


@dataclass(frozen=True)
class Schedule:
    """A schedule's rates for a training of so many steps; `float(schedule)` is the peak.

    Args:
        kind: How the rate runs.
        lr: The highest rate: `max_lr` of `OneCycleLR`, the optimizer's `lr` for the others.
        low: Lower end of the interval that should hold the best one.
        high: Upper end of it.
        total_steps: Optimizer steps of the training.
        warmup_steps: Those in which the rate climbs to `lr`.
        advice: How sure this is, in plain words.
    """

    kind: ScheduleKind
    lr: float
    low: float
    high: float
    total_steps: int
    warmup_steps: int
    advice: str

    def __float__(self) -> float:
        return self.lr


def for_horizon(suggestion: Suggestion, horizon: Horizon, training: Training | None) -> Suggestion:
    """What a measured suggestion becomes for the training to come.

    Its interval widens with the distance from the lengths at which suggestions were measured.

    Args:
        suggestion: For a constant rate in a short training.
        horizon: The training to come.
        training: What was trained; a heavy momentum has a law of its own.
    """
    if horizon == AS_MEASURED:
        return suggestion
    steps = SHORT_STEPS if horizon.total_steps is None else horizon.total_steps
    factor = _law(horizon.kind, training).factor(steps)
    return suggestion.moved(factor, doubt=LENGTH_DOUBT * abs(np.log10(steps / SHORT_STEPS)))


def schedule(
    suggestion: Suggestion,
    kind: ScheduleKind,
    total_steps: int,
    training: Training | None,
    warmup: Warmup | None = None,
) -> Schedule:
    """The rates of a schedule for a training of so many steps, from what was measured.

    It warms up for longer than is usual where the warm-ups that were tried say so.

    Raises:
        ValueError: There is no such kind, or `total_steps` is below 1.
        TypeError: `total_steps` is no whole number.
    """
    horizon = Horizon(kind, total_steps)
    peak = for_horizon(suggestion, horizon, training)
    advice = _advice(horizon, peak.lr / suggestion.lr)
    warmup_steps = _usual_warm_up(horizon)
    if warmup is not None:
        advice += f" {warmup.in_words}"
        needed = warmup.steps_to(peak.lr)
        if not warmup.ran_away:
            warmup_steps = max(warmup_steps, min(needed, total_steps // 2))
        if needed > warmup_steps:
            advice += f" {total_steps:,} steps have no room for that: train for longer, or at a lower rate."
    return Schedule(kind, peak.lr, peak.low, peak.high, total_steps, warmup_steps, advice)


def _usual_warm_up(horizon: Horizon) -> int:
    """The steps of a warm-up that nothing more is known of."""
    share, steps = WARM_UP[horizon.kind], horizon.total_steps
    if not share or steps is None:
        return 0
    return round(max(share * steps, min(LEAST_WARM_UP, LARGEST_SHARE * steps)))


def _advice(horizon: Horizon, factor: float) -> str:
    steps = horizon.total_steps or SHORT_STEPS
    said = f"This is {horizon.in_words}: {factor:.2g} times what was measured in a few hundred steps."
    if steps > MEASURED_STEPS:
        said += (
            f" Beyond {MEASURED_STEPS:,} steps that is carried on from shorter trainings and from published ones; if "
            "unsure, go lower, since twice the best rate costs more than half of it."
        )
    return said


def _law(kind: ScheduleKind, training: Training | None) -> Law:
    is_heavy = training is not None and training.is_adaptive is False and training.momentum >= HEAVY_MOMENTUM
    return HEAVY if is_heavy and kind == "constant" else LAWS[kind]
