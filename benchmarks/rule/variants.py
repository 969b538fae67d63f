"""What else could be read from the same ramps.

Reads `results/ramps.jsonl`; run `python -m benchmarks.rule.variants` from the root. Every landmark is divided by a
constant of its own, chosen on the other tasks: it is never scored on a task that chose it. The benchmark's own tasks
and the wider ones choose and are scored apart.
"""

import json
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.finders.regret import RegretCurve
from benchmarks.finders.tasks import CASES
from benchmarks.result_files import RESULTS
from benchmarks.rule import ramps
from lr_finder import Curve
from lr_finder.curve.clear_reading import clear_reading_or_none
from lr_finder.curve.momentum import averaged_steps
from lr_finder.curve.reading import Reading
from lr_finder.curve.thresholds import SUDDEN, WIDEST_BASIN

FILE = RESULTS / "variants.json"

CONSTANTS = 10 ** np.arange(-1.0, 3.01, 0.05)
"""Tried as the divisor's constant."""


class Readable(NamedTuple):
    """A ramp from which something can be read."""

    curve: Curve
    reading: Reading


Landmark = Callable[[Reading], float]
Divisor = Callable[[Readable], float]
"""Up to a constant."""

Ramps = dict[tuple[str, int], dict[int, Readable | None]]
"""By case and seed, and by the steps of the ramp; None where nothing can be read."""


def middle(reading: Reading) -> float:
    """The landmark of the default rule."""
    return reading.middle


def middle_of(reading: Reading, widest: float) -> float:
    """The middle of the basin, which counts as so wide at most."""
    first, last = reading.basin
    return first * np.sqrt(min(last / first, widest))


LANDMARKS: dict[str, Landmark] = {
    "middle of the basin, bounded by where the loss ran away (the default)": middle,
    "middle of the basin, a decade wide at most": lambda r: middle_of(r, WIDEST_BASIN),
    "middle of the basin, however wide": lambda r: middle_of(r, np.inf),
    "the same where the loss ran away, else a decade at most": lambda r: middle_of(
        r, np.inf if r.has_diverged else WIDEST_BASIN
    ),
    "beginning of the basin": lambda r: r.basin[0],
    "first within 5 % of the fall of the lowest": lambda r: r.first_within(0.05),
    "first within 50 %: half-way down": lambda r: r.first_within(0.5),
    "lowest point": lambda r: float(r.lrs[r.lowest]),
    "end of the basin": lambda r: r.basin[1],
    "last rate: where it diverged, if it did": lambda r: float(r.lrs[-1]),
}


def late(ramp: Readable, root: float = 3) -> float:
    """How late a ramp shows its low point, up to a constant; the root is that of the steps that are averaged over."""
    return averaged_steps(ramp.curve.momentum) ** (1 / root) / np.sqrt(ramp.reading.steps_per_decade)


def late_or_sudden(ramp: Readable) -> float:
    """The same, and more where the loss ran away suddenly."""
    return late(ramp) * float(np.sqrt(max(SUDDEN / ramp.reading.divergence_margin, 1)))


DIVISORS: dict[str, Divisor] = {
    "nothing else": lambda ramp: 1.0,
    "1 / √(steps per decade)": lambda ramp: late(ramp, root=np.inf),
    "⁴√averaged / √(steps per decade)": lambda ramp: late(ramp, root=4),
    "∛averaged / √(steps per decade) (the default)": late,
    "√averaged / √(steps per decade)": lambda ramp: late(ramp, root=2),
    "∛averaged / √(steps per decade), and more where sudden": late_or_sudden,
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


def compared(recorded: Ramps, truths: dict[str, RegretCurve]) -> dict[str, object]:
    """Every landmark with the default divisor, and every divisor with the default landmark."""
    lengths = sorted(next(iter(recorded.values())))
    return {
        "unreadable": {
            str(steps): round(float(np.mean([by_steps[steps] is None for by_steps in recorded.values()])), 3)
            for steps in lengths
        },
        "landmarks": {name: held_out_regret(landmark, late, recorded, truths) for name, landmark in LANDMARKS.items()},
        "divisors": {name: held_out_regret(middle, divisor, recorded, truths) for name, divisor in DIVISORS.items()},
    }


def main() -> None:
    recorded: Ramps = {
        key: {steps: readable(curve) for steps, curve in by_steps.items() if steps != 20}
        for key, by_steps in ramps.load().items()
    }
    truths = ramps.regret_curves()
    result: dict[str, object] = {"command": "python -m benchmarks.rule.variants"}
    for name, is_own in (("own", True), ("wider", False)):
        result[name] = compared({key: ramp for key, ramp in recorded.items() if (key[0] in CASES) == is_own}, truths)
    print(json.dumps(result, indent=1, ensure_ascii=False))
    FILE.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
