"""Probes: short trainings at fixed rates, as plain data, and the rate that they suggest."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lr_finder.curve.equality import are_equal
from lr_finder.curve.suggestion import SURE, Suggestion
from lr_finder.curve.thresholds import EVEN_PROBE_STEPS, RESOLUTION, SHORTFALL
from lr_finder.errors import NoSuggestionError


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
    losses: NDArray[np.float64]
    validation_loss: float | None
    fall: float
    rank: int

    def __repr__(self) -> str:
        kind, last = (
            ("loss", self.last_loss) if self.validation_loss is None else ("validation loss", self.validation_loss)
        )
        outcome = "ran away" if self.ran_away else f"the {kind} fell by {self.fall:.2g} to {last:.4g}"
        return f"Probe({self.lr:.2g}: {outcome}, {len(self.losses)} steps, rank {self.rank})"

    @property
    def ran_away(self) -> bool:
        """Whether the loss did, or was no longer a number."""
        return self.fall == -np.inf

    @property
    def last_loss(self) -> float:
        """The loss that it came to: the median of its last quarter."""
        return float(np.median(self.losses[-max(len(self.losses) // 4, 1) :]))

    @property
    def has_fallen(self) -> bool:
        """Whether the loss that it is judged by fell by more than rounding."""
        size = np.abs(self.losses).max() if self.validation_loss is None else abs(self.validation_loss) + abs(self.fall)
        return self.fall > RESOLUTION * size

    def __eq__(self, other: object) -> bool:
        return are_equal(self, other)

    def __hash__(self) -> int:
        return hash((self.lr, self.rank))


def suggestion_from_probes(probes: tuple[Probe, ...], from_curve: Suggestion) -> Suggestion:
    """A rate between the curve's suggestion and the rates tried, each weighed by how little worse than the best it did.

    All means are taken in decades. The longer the trainings, the more they weigh against the curve: short ones prefer
    rates that only start well. Where the loss ran away above the best rate, it is half-way to there at most.

    Args:
        probes: Best first.
        from_curve: What the curve suggested.

    Raises:
        NoSuggestionError: The loss ran away at every rate.
    """
    best = probes[0]
    seen = from_curve.seen
    by = "training loss" if best.validation_loss is None else "validation loss"
    rates = np.array([p.lr for p in probes])
    tried = f"Of {len(probes)} rates from {rates.min():.2g} to {rates.max():.2g}"
    if best.ran_away:
        raise NoSuggestionError(
            f"{seen} The curve suggests {from_curve.lr:.2g}, but in short trainings the {by} ran away at each of "
            f"{len(probes)} rates from {rates.min():.2g} to {rates.max():.2g}.",
            f"Search again with end_lr={rates.min():.1g}.",
        )
    if not best.has_fallen:
        reason = f"{seen}{SURE}low: {tried[0].lower()}{tried[1:]}, none took the {by} down in a short training."
        return replace(from_curve, confidence="low", reason=reason)
    shortfall = 1 - np.array([p.fall for p in probes]) / best.fall
    mean = np.average(np.log(rates), weights=np.exp(-shortfall / SHORTFALL))
    worth = len(best.losses) / (len(best.losses) + EVEN_PROBE_STEPS)
    lr = float(np.exp(worth * mean + (1 - worth) * np.log(from_curve.lr)))
    ran_away = min((p.lr for p in probes if p.ran_away), default=np.inf)
    if best.lr < ran_away:
        lr = min(lr, float(np.sqrt(best.lr * ran_away)))
    confidence, doubt = from_curve.confidence, from_curve.doubt.partition(": ")[2]
    if ran_away < best.lr:
        confidence, doubt = "low", f"the loss ran away at {ran_away:.2g}, but not at a higher rate."
    if best.lr in (rates.min(), rates.max()):
        confidence = "medium" if confidence == "high" else confidence
        edge = "lowest" if best.lr == rates.min() else "highest"
        doubt = f"{doubt.rstrip('.')}; the {edge} rate tried did best, and a better one may lie beyond."
    reason = (
        f"{seen} The curve suggests {from_curve.lr:.2g}. {tried}, each tried in a short training, {best.lr:.2g} took "
        f"the {by} down most; the suggestion lies between the two, nearer to the rates that did about as well the "
        f"longer the trainings.{SURE}{confidence}: {doubt}"
    )
    moved = lr / from_curve.lr
    return Suggestion(lr, from_curve.low * moved, from_curve.high * moved, "probes", confidence, reason)
