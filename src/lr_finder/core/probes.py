"""The probes of a search: trains for a short while at rates around a candidate, each from the same start."""

from collections.abc import Sequence

import numpy as np

from lr_finder.core.pool import Pool
from lr_finder.core.probing import Probing
from lr_finder.core.ramp import ValidatingRamp
from lr_finder.curve.curve import Curve
from lr_finder.curve.probe import Probe
from lr_finder.curve.stopping import StopReason
from lr_finder.curve.sweep import Sweep
from lr_finder.curve.thresholds import MIN_PROBE_STEPS, NEGLIGIBLE, NUM_SPREAD, PROBE_SPACING


def run_probes(
    measure: ValidatingRamp,
    candidate: float,
    probing: Probing,
    pool: Pool,
    group_ratios: Sequence[float] | None = None,
) -> tuple[Probe, ...]:
    """Trains at rates around the candidate, each time from the start and on the same batches.

    Args:
        measure: Trains through a sweep, here one of a constant rate, and validates.
        candidate: The rate that the curve suggests.
        probing: How many, how long, judged by what.
        pool: Trains at the first rates, none of which depends on another; `measure` is called as it sees fit.
        group_ratios: Each parameter group's rate over the one named; the groups' own ratios where left out.

    Returns:
        The training at each rate, best first.

    Raises:
        ValueError: The validation loss is not finite before any training.
    """

    def train(lr_and_steps: tuple[float, int]) -> Curve:
        lr, steps = lr_and_steps
        rates = lr if group_ratios is None else [lr * ratio for ratio in group_ratios]
        return measure(Sweep.at(rates, steps, wd=probing.wd), probing.validate)

    steps = probing.affordable_steps
    spread = min(probing.count, NUM_SPREAD)
    rates = [float(candidate * PROBE_SPACING ** (index - (spread - 1) / 2)) for index in range(spread)]
    before = [] if probing.validate is None else [(NEGLIGIBLE * candidate, 1)]
    curves = iter(pool.map(train, [*before, *((lr, steps) for lr in rates)]))
    validation_before = next(curves).validation_loss if before else None
    if validation_before is not None and not np.isfinite(validation_before):
        raise ValueError(f"validate must return a finite loss before any training, got {validation_before}")
    runs = dict(zip(rates, curves, strict=True))
    falls = {lr: _fall(run, steps, validation_before) for lr, run in runs.items()}
    for _ in range(probing.count - spread):
        lr = _where_they_point(falls)
        runs[lr] = train((lr, steps))
        falls[lr] = _fall(runs[lr], steps, validation_before)
    ranking = sorted(runs, key=lambda lr: -falls[lr])
    return tuple(
        Probe(lr, runs[lr].losses, runs[lr].validation_loss, falls[lr], rank) for rank, lr in enumerate(ranking, 1)
    )


def _where_they_point(falls: dict[float, float]) -> float:
    """The rate to try next: beyond the best one where that is at the edge, else between it and its better neighbour.

    Where all ran away, it is below them.

    Args:
        falls: How far the loss fell at each rate; minus infinity where it ran away.
    """
    rates = sorted(falls)
    best = max(rates, key=lambda lr: falls[lr])
    if falls[best] == -np.inf or best == rates[0]:
        return rates[0] / PROBE_SPACING
    if best == rates[-1]:
        return best * PROBE_SPACING
    at = rates.index(best)
    neighbour = max(rates[at - 1], rates[at + 1], key=lambda lr: falls[lr])
    return float(np.sqrt(best * neighbour))


def _fall(run: Curve, steps: int, validation_before: float | None) -> float:
    """How far a training took down the validation loss, or else its own, by the line through its second half.

    A loss above the first counts as that, since a line through one that ran up and came back says nothing. Minus
    infinity where it ran away.
    """
    is_complete = run.stop_reason is StopReason.COMPLETED and len(run) == steps
    data_ended = run.stop_reason is StopReason.DATA_ENDED and len(run) >= MIN_PROBE_STEPS  # for all at the same step
    if not (is_complete or data_ended) or not np.all(np.isfinite(run.losses)):
        return -np.inf
    if run.validation_loss is not None and validation_before is not None:
        fall = validation_before - run.validation_loss
        return fall if np.isfinite(fall) else -np.inf
    second_half = np.minimum(run.losses[len(run) // 2 :], run.losses[0])
    slope, start = np.polyfit(np.arange(len(second_half)), second_half, 1)
    return float(run.losses[0] - (start + slope * (len(second_half) - 1)))
