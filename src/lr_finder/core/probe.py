"""Probes: short trainings at a few fixed rates around a candidate, from the same start and on the same batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lr_finder.core.curve import Curve, Ramp
from lr_finder.core.stopping import StopReason
from lr_finder.core.suggest import Suggestion
from lr_finder.core.sweep import Sweep

SPACING = 10**0.5
"""Factor from one probe's rate to the next."""

BELOW = 10**0.25
"""The rates lie around the candidate divided by this: a short training flatters the higher ones."""

FIRST_ROUND = 0.25
"""Of more than three probes, all train for this share of `probe_steps`, and the better half for all of them."""

AS_GOOD = 0.95
"""Probes that take the loss down by this share of the best one's fall do as well; the suggestion is their middle.

Chosen, as are the spacing and the rounds, on the tasks of benchmarks/; no other choice did clearly better.
"""

PROBE_STEPS = 100
"""Steps of the longest probes where the caller says nothing."""

MIN_PROBE_STEPS = 8
"""Fewer steps than this tell nothing."""

NEGLIGIBLE = 1e-4
"""Factor on the candidate for a rate that leaves the model as it is."""


@dataclass(frozen=True, eq=False)
class Probe:
    """A short training at one rate.

    Args:
        lr: The rate.
        losses: The raw loss of each step, shape `(steps,)`; fewer than planned where it ran away.
        validation_loss: Measured after the last step; None without `validate`, or where the loss ran away.
        fall: How far it took the loss down from where it was before training, the validation loss where there is one;
            minus infinity where the loss ran away.
        rank: 1 for the best of all probes.
    """

    lr: float
    losses: NDArray[np.float64] = field(repr=False)
    validation_loss: float | None
    fall: float
    rank: int


class Round(NamedTuple):
    """Trainings of one length: how many, and for how many steps each."""

    trainings: int
    steps: int


@dataclass(frozen=True)
class Probing:
    """What is to be tried.

    Args:
        count: How many rates; at least 2.
        steps: Steps of the longest trainings.
        budget: The most steps that all may take together; the trainings are shortened to keep to it.
        validate: Measures a validation loss after each training; without, the training loss judges.
        wd: Weight decay meanwhile.

    Raises:
        ValueError: A number is out of range, or the budget is too small for any probes.
        TypeError: An argument is of the wrong kind.
    """

    count: int
    steps: int = PROBE_STEPS
    budget: int | None = None
    validate: Callable[..., Any] | None = None
    wd: float | None = None

    def __post_init__(self):
        for name, value, least in (
            ("probes", self.count, 2),
            ("probe_steps", self.steps, MIN_PROBE_STEPS),
            ("budget", 0 if self.budget is None else self.budget, 0),
        ):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
                raise TypeError(f"{name} must be a whole number, got {value!r}")
            if value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        if self.validate is not None and not callable(self.validate):
            raise TypeError(f"validate must be a function that returns a loss, got {type(self.validate).__name__}")
        if not self.rounds:
            least = self._cost(self._rounds_of(MIN_PROBE_STEPS))
            raise ValueError(f"budget must be at least {least} for {self.count} probes, got {self.budget}")

    @property
    def rounds(self) -> list[Round]:
        """Successive halving within the budget; empty where that is too small."""
        for steps in range(self.steps, MIN_PROBE_STEPS - 1, -1):
            rounds = self._rounds_of(steps)
            if self.budget is None or self._cost(rounds) <= self.budget:
                return rounds
        return []

    @property
    def most_steps(self) -> int:
        """Steps that all take together where no loss runs away."""
        return self._cost(self.rounds)

    def _rounds_of(self, steps: int) -> list[Round]:
        first = round(FIRST_ROUND * steps)
        if self.count <= 3 or first < MIN_PROBE_STEPS:
            return [Round(self.count, steps)]
        return [Round(self.count, first), Round((self.count + 1) // 2, steps)]

    def _cost(self, rounds: list[Round]) -> int:
        """With a validation loss, one step more: it is measured before any training too."""
        return sum(trainings * steps for trainings, steps in rounds) + (self.validate is not None)


def probe(
    ramp: Ramp, candidate: float, probing: Probing, group_ratios: Sequence[float] | None = None
) -> tuple[Probe, ...]:
    """Trains at rates around the candidate, each time from the start and on the same batches.

    Args:
        ramp: Trains through a sweep, here one of a constant rate.
        candidate: The rate that the curve suggests.
        probing: How many, how long, judged by what.
        group_ratios: Each parameter group's rate over the one named; the groups' own ratios where left out.

    Returns:
        The last training at each rate, best first.

    Raises:
        ValueError: The validation loss is not finite before any training.
    """

    def train(lr: float, steps: int) -> Curve:
        rates = lr if group_ratios is None else [lr * ratio for ratio in group_ratios]
        return ramp(Sweep.at(rates, steps, wd=probing.wd, validate=probing.validate))

    exponents = np.arange(probing.count) - (probing.count - 1) / 2
    rates = [float(candidate / BELOW * SPACING**exponent) for exponent in exponents]
    validation_before = None if probing.validate is None else train(NEGLIGIBLE * candidate, 1).validation_loss
    if validation_before is not None and not np.isfinite(validation_before):
        raise ValueError(f"validate must return a finite loss before any training, got {validation_before}")
    runs: dict[float, Curve] = {}
    falls: dict[float, float] = {}
    ranking = rates
    for trainings, steps in probing.rounds:
        contenders, dropped = ranking[:trainings], ranking[trainings:]
        for lr in contenders:
            runs[lr] = train(lr, steps)
            falls[lr] = _fall(runs[lr], steps, validation_before)
        # Those that were dropped come after those that went on, but before any that ran away.
        ranking = sorted(contenders + dropped, key=lambda lr: (falls[lr] == -np.inf, lr in dropped, -falls[lr]))
    return tuple(
        Probe(lr, runs[lr].losses, runs[lr].validation_loss, falls[lr], rank) for rank, lr in enumerate(ranking, 1)
    )


def suggest(probes: tuple[Probe, ...], from_curve: Suggestion) -> Suggestion:
    """The middle of the probes that did as well as the best, as a suggestion.

    Args:
        probes: Best first.
        from_curve: What the curve suggested.
    """
    best = probes[0]
    seen = from_curve.reason.partition(" Confidence is ")[0]
    by = "training loss" if best.validation_loss is None else "validation loss"
    lowest, highest = min(p.lr for p in probes), max(p.lr for p in probes)
    tried = f"Of {len(probes)} rates from {lowest:.2g} to {highest:.2g}"
    if best.fall <= 0:
        reason = (
            f"{seen} Confidence is low: {tried[0].lower()}{tried[1:]}, none took the {by} down in a short training."
        )
        return replace(from_curve, confidence="low", reason=reason)
    good = [p.lr for p in probes if p.fall >= AS_GOOD * best.fall and len(p.losses) == len(best.losses)]
    lr = float(np.exp(np.mean(np.log(good))))
    confidence, doubt = from_curve.confidence, from_curve.reason.rpartition(": ")[2]
    if len(good) == 1 and best.lr in (lowest, highest):
        confidence = "medium" if confidence == "high" else confidence
        doubt = f"it is the {'lowest' if best.lr == lowest else 'highest'} rate tried, and a better one may lie beyond."
    middle = f", and {len(good) - 1} did about as well; this is their middle" if len(good) > 1 else ""
    reason = (
        f"{seen} The curve suggests {from_curve.lr:.2g}. {tried}, each tried in a short training, {best.lr:.2g} took "
        f"the {by} down most{middle}. Confidence is {confidence}: {doubt}"
    )
    moved = lr / from_curve.lr
    return Suggestion(lr, from_curve.low * moved, from_curve.high * moved, "probes", confidence, reason)


def _fall(run: Curve, steps: int, validation_before: float | None) -> float:
    """How far a training took down the validation loss, or else its own, by the line through its second half.

    Minus infinity where it ran away.
    """
    is_complete = run.stop_reason is StopReason.COMPLETED and len(run) == steps
    data_ended = run.stop_reason is StopReason.DATA_ENDED and len(run) >= MIN_PROBE_STEPS  # for all at the same step
    if not (is_complete or data_ended) or not np.all(np.isfinite(run.losses)):
        return -np.inf
    if run.validation_loss is not None and validation_before is not None:
        fall = validation_before - run.validation_loss
        return fall if np.isfinite(fall) else -np.inf
    second_half = run.losses[len(run) // 2 :]
    slope, start = np.polyfit(np.arange(len(second_half)), second_half, 1)
    return float(run.losses[0] - (start + slope * (len(second_half) - 1)))
