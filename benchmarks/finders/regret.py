"""How much worse a suggested rate trains than the best one, as a share of what training can gain.

    regret = (loss at the suggested rate - best loss) / (zero - best loss), within 0 .. 1

The zero is the loss before training, or for the strict regret the loss of the best output that ignores its input,
where that is lower.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.finders.truth_file import Truth


@dataclass(frozen=True)
class RegretCurve:
    """Regret over the rates of the truth.

    Attributes:
        log_rates: Decimal logarithms of the rates, rising; shape (rates,).
        regrets: Regret at each, 0 at the best; shape (rates,).
    """

    log_rates: np.ndarray
    regrets: np.ndarray

    @property
    def best_rate(self) -> float:
        """The rate with the lowest mean loss."""
        return float(10 ** self.log_rates[np.argmin(self.regrets)])

    def at(self, lr: float) -> float:
        """Regret of a rate, linear in its logarithm between measured rates; beyond them, that of the last one."""
        return float(np.interp(np.log10(lr), self.log_rates, self.regrets))


def regret_curve(truth: Truth, schedule: str, *, strict: bool = False) -> RegretCurve:
    """The regret of each rate, from the mean over the seeds.

    A seed's loss counts at most as the zero: a diverged training is as bad as none, not worse.

    Raises:
        ValueError: No rate is better than the zero, so that no regret is defined.
    """
    zero = zero_loss(truth, strict=strict)
    rates, losses = _losses(truth, schedule)
    means = np.minimum(losses, zero).mean(0)
    best = means.min()
    if best >= zero:
        raise ValueError(f"{truth.case}: no rate reached a loss below {zero:.4g} with the schedule {schedule!r}")
    return RegretCurve(np.log10(rates), (means - best) / (zero - best))


def zero_loss(truth: Truth, *, strict: bool) -> float:
    """The loss that counts as having gained nothing."""
    initial = float(np.mean(list(truth.initial_losses.values())))
    return min(initial, truth.constant_loss) if strict else initial


def noise_floor(truth: Truth, schedule: str, *, strict: bool = False) -> list[float]:
    """For each seed, its own regret at the rate that is best for the other seeds: no finder can hope for less."""
    zero = zero_loss(truth, strict=strict)
    _, losses = _losses(truth, schedule)
    losses = np.minimum(losses, zero)
    regrets = []
    for seed, own in enumerate(losses):
        chosen = np.delete(losses, seed, axis=0).mean(0).argmin()
        gain = zero - own.min()
        regrets.append(float((own[chosen] - own.min()) / gain) if gain > 0 else 0.0)
    return regrets


def _losses(truth: Truth, schedule: str) -> tuple[np.ndarray, np.ndarray]:
    """The rates, rising, and the losses, shape (seeds, rates)."""
    seeds = truth.curves[schedule].values()
    rates = sorted(set.intersection(*(set(losses) for losses in seeds)))
    return np.array(rates), np.array([[losses[rate] for rate in rates] for losses in seeds])


@dataclass(frozen=True)
class Score:
    """What one answer is worth.

    Attributes:
        task: Name of the task; what is resampled for standard errors.
        case: Name of the case.
        lr: The suggested rate, None for a refusal.
        regret: Against the initial loss; None for a refusal, as are the next two.
        strict_regret: Against the best constant output.
        decades: How far the rate is from the best one, positive when above.
        steps: Optimizer steps that the search took.
    """

    task: str
    case: str
    lr: float | None
    regret: float | None
    strict_regret: float | None
    decades: float | None
    steps: int


def score(truth: Truth, schedule: str, lr: float | None, steps: int = 0) -> Score:
    """Scores a suggested rate, or a refusal, against the truth of its case."""
    if lr is None:
        return Score(truth.task, truth.case, None, None, None, None, steps)
    curve = regret_curve(truth, schedule)
    strict = regret_curve(truth, schedule, strict=True)
    decades = float(np.log10(lr / curve.best_rate))
    return Score(truth.task, truth.case, lr, curve.at(lr), strict.at(lr), decades, steps)


@dataclass(frozen=True)
class Summary:
    """The row of a finder in the table; errors are standard errors over tasks.

    Attributes:
        num_answers: Searches made.
        refusals: Share of them without a rate.
        regret: Mean, over the answers with a rate.
        regret_error: Of `regret`.
        regret_with_refusals: Mean, each refusal counted as 1.
        strict_regret: Mean, over the answers with a rate.
        strict_error: Of `strict_regret`.
        share_above_half: Share of the rates with a regret above 0.5.
        decades: Median distance to the best rate.
        within_3x: Share of the rates at most a factor of 3 from the best one.
        spread: Median distance, in decades, between the answers of two seeds; nan with one seed.
        steps: Mean of the optimizer steps taken.
    """

    num_answers: int
    refusals: float
    regret: float
    regret_error: float
    regret_with_refusals: float
    strict_regret: float
    strict_error: float
    share_above_half: float
    decades: float
    within_3x: float
    spread: float
    steps: float


def summarise(scores: list[Score]) -> Summary:
    """Means over all cases and seeds.

    Raises:
        ValueError: Every answer is a refusal.
    """
    given = [score for score in scores if score.lr is not None]
    if not given:
        raise ValueError("there is no rate to score, only refusals")
    regrets = np.array([score.regret for score in given])
    strict = np.array([score.strict_regret for score in given])
    distances = np.abs([score.decades for score in given])
    tasks = [score.task for score in given]
    num_refusals = len(scores) - len(given)
    return Summary(
        num_answers=len(scores),
        refusals=num_refusals / len(scores),
        regret=float(regrets.mean()),
        regret_error=standard_error(regrets, tasks),
        regret_with_refusals=float((regrets.sum() + num_refusals) / len(scores)),
        strict_regret=float(strict.mean()),
        strict_error=standard_error(strict, tasks),
        share_above_half=float((regrets > 0.5).mean()),
        decades=float(np.median(distances)),
        within_3x=float((distances <= np.log10(3)).mean()),
        spread=_spread(given),
        steps=float(np.mean([score.steps for score in scores])),
    )


def standard_error(values: np.ndarray, tasks: list[str], num_resamples: int = 2000) -> float:
    """Standard error of the mean by a bootstrap of whole tasks: cases of one task are not independent."""
    names, which = np.unique(tasks, return_inverse=True)
    sums, counts = np.bincount(which, values), np.bincount(which)
    drawn = np.random.default_rng(0).integers(len(names), size=(num_resamples, len(names)))
    return float((sums[drawn].sum(1) / counts[drawn].sum(1)).std())


def _spread(scores: Iterable[Score]) -> float:
    log_rates: dict[str, list[float]] = {}
    for given in scores:
        log_rates.setdefault(given.case, []).append(np.log10(given.lr))
    pairs = [
        abs(first - second)
        for rates in log_rates.values()
        for index, first in enumerate(rates)
        for second in rates[index + 1 :]
    ]
    return float(np.median(pairs)) if pairs else float("nan")
