"""How wide the interval has to be, what tells its width, and whether regret follows the confidence.

Reads `results/ramps.jsonl`; run `python -m benchmarks.rule.interval` from the root. What is fitted is fitted on other
tasks than it is counted on, in ten parts, and the benchmark's own tasks weigh as much as the wider ones.
"""

import json
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import QuantileRegressor

from benchmarks.finders.tasks import CASES
from benchmarks.result_files import RESULTS
from benchmarks.rule import ramps
from lr_finder.curve.clear_reading import clear_reading_or_none
from lr_finder.curve.interval import doubt, interval_decades
from lr_finder.curve.reading import Reading
from lr_finder.curve.rules import find_rule

FILE = RESULTS / "interval.json"

PROMISED = 0.8
"""Share of the cases in which the interval holds the best rate."""

NUM_PARTS = 10


class Read(NamedTuple):
    """A ramp that was read.

    Attributes:
        task: Name of the task.
        is_own: Whether it is one of the benchmark's own, not of the wider ones.
        steps: Of the ramp, as planned.
        reading: What there is to see.
        decades: How far the best rate is from the suggestion.
        regret: Of the suggestion.
    """

    task: str
    is_own: bool
    steps: int
    reading: Reading
    decades: float
    regret: float


def read_all() -> list[Read]:
    """Every recorded climb that tells a rate."""
    curves = ramps.regret_curves()
    basin = find_rule("basin")
    found = []
    for (case, _), by_steps in ramps.load().items():
        for steps, curve in by_steps.items():
            reading = clear_reading_or_none(curve)
            if steps == 20 or reading is None:
                continue
            lr = basin(curve).lr
            decades = abs(float(np.log10(curves[case].best_rate / lr)))
            found.append(Read(ramps.SEEN[case].task.name, case in CASES, steps, reading, decades, curves[case].at(lr)))
    return found


def log_width(bounds: tuple[float, float]) -> float:
    """Decades between two rates."""
    return float(np.log10(bounds[1] / bounds[0]))


PREDICTORS: dict[str, Callable[[Reading], list[float]]] = {
    "nothing: a fixed factor": lambda r: [0.0],
    "width of the basin": lambda r: [log_width(r.basin)],
    "width of the rates that may be as low": lambda r: [log_width(r.as_low)],
    "steps per decade": lambda r: [np.log10(r.steps_per_decade)],
    "share of itself by which the loss fell": lambda r: [np.log10(np.clip(r.fall_share, 0.01, 1))],
    "clearness (the default)": lambda r: [np.log10(np.clip(r.clearness, 1, 100))],
    "clearness and width of the basin": lambda r: [np.log10(np.clip(r.clearness, 1, 100)), log_width(r.basin)],
}


def held_out(predict: Callable[[Reading], list[float]], found: list[Read]) -> dict[str, object]:
    """Coverage and width of the interval whose half width is linear in what is predicted from."""
    features = np.array([predict(read.reading) for read in found])
    decades = np.array([read.decades for read in found])
    own = np.array([read.is_own for read in found])
    weights = np.where(own, 1 / own.sum(), 1 / (~own).sum()) * len(found) / 2
    tasks = sorted({read.task for read in found})
    parts = dict(zip(np.random.default_rng(0).permutation(tasks), np.arange(len(tasks)) % NUM_PARTS, strict=True))
    part = np.array([parts[read.task] for read in found])

    def fitted(chosen: np.ndarray) -> QuantileRegressor:
        return QuantileRegressor(quantile=PROMISED, alpha=0).fit(features[chosen], decades[chosen], weights[chosen])

    half = np.empty(len(found))
    for held in range(NUM_PARTS):
        half[part == held] = fitted(part != held).predict(features[part == held])
    whole = fitted(part >= 0)
    return {
        "constants": [round(float(value), 3) for value in (whole.intercept_, *whole.coef_)],
        **counted(half, found),
    }


def counted(half: np.ndarray, found: list[Read]) -> dict[str, object]:
    """How often half widths hold the best rate, by the kind of the tasks and by the steps of the ramp."""
    holds = np.array([read.decades for read in found]) <= half
    own = np.array([read.is_own for read in found])
    steps = np.array([read.steps for read in found])
    return {
        "own": rounded(holds[own].mean()),
        "wider": rounded(holds[~own].mean()),
        "by_steps": {int(planned): rounded(holds[steps == planned].mean()) for planned in np.unique(steps)},
        "median_width": {"own": rounded(2 * np.median(half[own])), "wider": rounded(2 * np.median(half[~own]))},
    }


def regret_by_confidence(found: list[Read]) -> dict[str, dict[str, float]]:
    """The mean regret of each level, and how often it is said."""
    levels = np.array([doubt(read.reading)[0] for read in found])
    regrets = np.array([read.regret for read in found])
    return {
        level: {"share": rounded((levels == level).mean()), "regret": rounded(regrets[levels == level].mean())}
        for level in ("high", "medium", "low")
    }


def rounded(value: float) -> float:
    """To three digits after the point."""
    return round(float(value), 3)


def main() -> None:
    found = read_all()
    result = {
        "command": "python -m benchmarks.rule.interval",
        "ramps": {"own": sum(read.is_own for read in found), "wider": sum(not read.is_own for read in found)},
        "as_it_is": counted(np.array([interval_decades(read.reading) / 2 for read in found]), found),
        "held_out": {name: held_out(predict, found) for name, predict in PREDICTORS.items()},
        "regret_by_confidence": {
            "own": regret_by_confidence([read for read in found if read.is_own]),
            "wider": regret_by_confidence([read for read in found if not read.is_own]),
        },
    }
    print(json.dumps(result, indent=1))
    FILE.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
