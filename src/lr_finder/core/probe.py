"""Probes: short trainings at a few fixed rates around a candidate, from the same start and on the same batches."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lr_finder.core.curve import Curve, Ramp
from lr_finder.core.landmarks import RESOLUTION
from lr_finder.core.probing import MIN_PROBE_STEPS, Probing
from lr_finder.core.stopping import StopReason
from lr_finder.core.suggest import Suggestion
from lr_finder.core.sweep import Sweep
from lr_finder.errors import NoSuggestionError

SPACING = 10**0.5
"""Factor from one probe's rate to the next."""

BELOW = 10**0.25
"""The rates lie around the candidate divided by this: a short training flatters the higher ones."""

SHORTFALL = 0.1
"""A probe whose fall is short of the best one's by this share of it weighs 1/e of what that weighs in the suggestion.

Chosen, as are the spacing and the rounds, on the tasks of benchmarks/; half of it does about as well.
"""

KEEP_BELOW = 10**0.75
"""The suggestion stays this factor below a rate at which the loss ran away: in a longer training it runs away at lower
rates. Anything from 10**0.7 to 10 does about as well on the tasks of benchmarks/."""

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

    exponents = np.arange(probing.num_spread) - (probing.num_spread - 1) / 2
    rates = [float(candidate / BELOW * SPACING**exponent) for exponent in exponents]
    validation_before = None if probing.validate is None else train(NEGLIGIBLE * candidate, 1).validation_loss
    if validation_before is not None and not np.isfinite(validation_before):
        raise ValueError(f"validate must return a finite loss before any training, got {validation_before}")
    runs: dict[float, Curve] = {}
    falls: dict[float, float] = {}

    def try_out(lr: float, steps: int) -> None:
        runs[lr] = train(lr, steps)
        falls[lr] = _fall(runs[lr], steps, validation_before)

    in_full = rates
    for trainings, steps in probing.rounds:
        in_full = sorted(in_full, key=lambda lr: -falls.get(lr, 0))[:trainings]
        for lr in in_full:
            try_out(lr, steps)
    if probing.count > probing.num_spread:
        last = _where_they_point(falls, in_full)
        try_out(last, probing.rounds[-1].steps)
        in_full = [*in_full, last]
    # Where a lower rate ran away later than one was dropped, that one would have run away too.
    ran_away = min((lr for lr in in_full if falls[lr] == -np.inf), default=np.inf)
    falls |= {lr: -np.inf for lr in runs if lr > ran_away and lr not in in_full}
    # Those that were dropped come after those that went on, but before any that ran away.
    ranking = sorted(runs, key=lambda lr: (falls[lr] == -np.inf, lr not in in_full, -falls[lr]))
    return tuple(
        Probe(lr, runs[lr].losses, runs[lr].validation_loss, falls[lr], rank) for rank, lr in enumerate(ranking, 1)
    )


def _where_they_point(falls: dict[float, float], in_full: list[float]) -> float:
    """The rate to try last: beyond the best one where that is at the edge, else between it and its better neighbour.

    Where all that trained in full ran away, it is the next one below them.

    Args:
        falls: How far the loss fell at each rate; minus infinity where it ran away.
        in_full: The rates that were not dropped.
    """
    rates = sorted(falls)
    best = max(in_full, key=lambda lr: falls[lr])
    if falls[best] == -np.inf:
        best = min(in_full)
        return rates[rates.index(best) - 1] if best > rates[0] else best / SPACING
    if best == rates[0]:
        return best / SPACING
    if best == rates[-1]:
        return best * SPACING
    at = rates.index(best)
    neighbour = max(rates[at - 1], rates[at + 1], key=lambda lr: (lr in in_full, falls[lr]))
    return float(np.sqrt(best * neighbour))


def suggest(probes: tuple[Probe, ...], from_curve: Suggestion) -> Suggestion:
    """The mean of the rates tried, in decades, each weighed by how little it did worse than the best.

    It keeps its distance from the rate above the best one at which the loss ran away.

    Args:
        probes: Best first.
        from_curve: What the curve suggested.

    Raises:
        NoSuggestionError: The loss ran away at every rate.
    """
    best = probes[0]
    seen = from_curve.reason.partition(" Confidence is ")[0]
    by = "training loss" if best.validation_loss is None else "validation loss"
    rates = np.array([p.lr for p in probes])
    tried = f"Of {len(probes)} rates from {rates.min():.2g} to {rates.max():.2g}"
    if best.fall == -np.inf:
        raise NoSuggestionError(
            f"{seen} The curve suggests {from_curve.lr:.2g}, but in short trainings the {by} ran away at each of "
            f"{len(probes)} rates from {rates.min():.2g} to {rates.max():.2g}. Search again with "
            f"end_lr={rates.min():.1g}."
        )
    if best.fall <= RESOLUTION * np.abs(best.losses).max():
        reason = (
            f"{seen} Confidence is low: {tried[0].lower()}{tried[1:]}, none took the {by} down in a short training."
        )
        return replace(from_curve, confidence="low", reason=reason)
    in_full = [len(p.losses) == len(best.losses) for p in probes]
    shortfall = np.where(in_full, 1 - np.array([p.fall for p in probes]) / best.fall, np.inf)
    mean = float(np.exp(np.average(np.log(rates), weights=np.exp(-shortfall / SHORTFALL))))
    ran_away = min((p.lr for p in probes if p.fall == -np.inf), default=np.inf)
    confidence, doubt = from_curve.confidence, from_curve.reason.rpartition(": ")[2]
    if ran_away < best.lr:
        confidence, doubt = "low", f"the loss ran away at {ran_away:.2g}, but not at a higher rate."
        ran_away = np.inf
    lr = min(mean, ran_away / KEEP_BELOW)
    if best.lr in (rates.min(), rates.max()):
        confidence = "medium" if confidence == "high" else confidence
        edge = "lowest" if best.lr == rates.min() else "highest"
        doubt = f"{doubt.rstrip('.')}; the {edge} rate tried did best, and a better one may lie beyond."
    how = "this is the mean of all, weighed by how nearly each did as well"
    if lr < mean:
        how = f"this keeps a factor of {KEEP_BELOW:.1f} below {ran_away:.2g}, where it ran away"
    reason = (
        f"{seen} The curve suggests {from_curve.lr:.2g}. {tried}, each tried in a short training, {best.lr:.2g} took "
        f"the {by} down most; {how}. Confidence is {confidence}: {doubt}"
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
