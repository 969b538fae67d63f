"""What else could be read from the same ramps.

Reads `results/ramps.jsonl`; run `python -m benchmarks.rule.variants` from the root. Every landmark is divided by a
constant of its own, chosen on the other tasks: it is never scored on a task that chose it.
"""

import json
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.finders.regret import RegretCurve, regret_curve
from benchmarks.finders.tasks import CASES
from benchmarks.finders.truth_file import load_truths
from benchmarks.result_files import RESULTS
from benchmarks.rule import ramps
from lr_finder import Curve
from lr_finder.curve.clear_reading import clear_reading_or_none
from lr_finder.curve.reading import Reading
from lr_finder.curve.thresholds import SUDDEN, WIDEST_BASIN

FILE = RESULTS / "variants.json"

CONSTANTS = 10 ** np.arange(-1.0, 3.01, 0.05)
"""Tried as the divisor's constant."""


class Readable(NamedTuple):
    """A ramp from which something can be read."""

    curve: Curve
    reading: Reading

    @property
    def averaged_steps(self) -> float:
        """How many steps the optimizer's momentum averages over."""
        assert self.curve.momentum is not None, "every optimizer of the benchmark tells it"
        return 1 / (1 - self.curve.momentum)


Landmark = Callable[[Reading], float]
Divisor = Callable[[Readable], float]
"""Up to a constant."""

Ramps = dict[tuple[str, int], dict[int, Readable | None]]
"""By case and seed, and by the steps of the ramp; None where nothing can be read."""


def middle(reading: Reading, widest: float = WIDEST_BASIN) -> float:
    """The middle of the basin, which counts as so wide at most."""
    first, last = reading.basin
    return first * np.sqrt(min(last / first, widest))


def has_end(reading: Reading) -> bool:
    """Whether the loss was seen to run away beyond the basin."""
    return reading.has_diverged and not reading.is_sudden


LANDMARKS: dict[str, Landmark] = {
    "middle of the basin, a decade wide at most (the default)": middle,
    "middle of the basin, however wide": lambda r: middle(r, np.inf),
    "the same, where the loss ran away and not suddenly": lambda r: middle(r, np.inf if has_end(r) else WIDEST_BASIN),
    "beginning of the basin": lambda r: r.basin[0],
    "first within 5 % of the fall of the lowest": lambda r: r.first_within(0.05),
    "first within 50 %: half-way down": lambda r: r.first_within(0.5),
    "lowest point": lambda r: float(r.lrs[r.lowest]),
    "end of the basin": lambda r: r.basin[1],
    "last rate: where it diverged, if it did": lambda r: float(r.lrs[-1]),
}


def late(ramp: Readable, root: float = 3) -> float:
    """How late a ramp shows its low point, up to a constant; the root is that of the steps that are averaged over."""
    return ramp.averaged_steps ** (1 / root) / np.sqrt(ramp.reading.steps_per_decade)


def suddenness(reading: Reading) -> float:
    """What the default rule divides by where the loss ran away suddenly; 1 elsewhere."""
    return float(np.sqrt(max(SUDDEN / reading.divergence_margin, 1)))


def late_or_sudden(ramp: Readable) -> float:
    """What the default rule divides by, up to a constant."""
    return late(ramp) * suddenness(ramp.reading)


DIVISORS: dict[str, Divisor] = {
    "nothing else": lambda ramp: 1.0,
    "1 / √(steps per decade)": lambda ramp: late(ramp, root=np.inf),
    "⁴√averaged / √(steps per decade)": lambda ramp: late(ramp, root=4),
    "∛averaged / √(steps per decade)": late,
    "√averaged / √(steps per decade)": lambda ramp: late(ramp, root=2),
    "∛averaged / √(steps per decade), and more where sudden (the default)": late_or_sudden,
}


def held_out_regret(
    landmark: Landmark, divisor: Divisor, recorded: Ramps, truths: dict[str, RegretCurve]
) -> dict[str, float]:
    """The regret for each length of ramp, and the constant; each task's is chosen on the others, for all lengths."""
    readable = [
        (case, steps, ramp) for (case, _), by_steps in recorded.items() for steps, ramp in by_steps.items() if ramp
    ]
    tasks = np.array([case.rsplit("-", 1)[0] for case, _, _ in readable])
    lengths = np.array([steps for _, steps, _ in readable])
    regrets = np.array(
        [
            [truths[case].at(landmark(ramp.reading) / (constant * divisor(ramp))) for constant in CONSTANTS]
            for case, _, ramp in readable
        ]
    )
    chosen = np.empty(len(readable))
    for task in np.unique(tasks):
        chosen[tasks == task] = regrets[tasks == task, regrets[tasks != task].mean(0).argmin()]
    return {str(steps): round(float(chosen[lengths == steps].mean()), 4) for steps in np.unique(lengths)} | {
        "constant": round(float(CONSTANTS[regrets.mean(0).argmin()]), 1)
    }


def readable(curve: Curve) -> Readable | None:
    """The ramp with its reading, None where it tells nothing."""
    reading = clear_reading_or_none(curve)
    return None if reading is None else Readable(curve, reading)


def main() -> None:
    recorded: Ramps = {
        (case, seed): {steps: readable(curve) for steps, curve in by_steps.items() if steps != 20}
        for (case, seed), by_steps in ramps.load().items()
        if case in CASES
    }
    truths = {
        case: regret_curve(truth, "constant") for case, truth in load_truths().items() if "constant" in truth.curves
    }
    lengths = sorted(next(iter(recorded.values())))
    result = {
        "command": "python -m benchmarks.rule.variants",
        "unreadable": {
            str(steps): round(float(np.mean([by_steps[steps] is None for by_steps in recorded.values()])), 3)
            for steps in lengths
        },
        "landmarks": {
            name: held_out_regret(landmark, late_or_sudden, recorded, truths) for name, landmark in LANDMARKS.items()
        },
        "divisors": {name: held_out_regret(middle, divisor, recorded, truths) for name, divisor in DIVISORS.items()},
    }
    print(json.dumps(result, indent=1, ensure_ascii=False))
    FILE.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
