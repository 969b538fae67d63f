"""What else could be read from the same ramps, and other ways to decide when a climb was too fast.

Reads `results/ramps.json`; run `python -m benchmarks.variants` from the root. Every landmark is divided by its own
constant over the square root of the pace, chosen on the other tasks: it is never scored on a task that chose it.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import ramps
from benchmarks.regret import RegretCurve, regret_curve
from benchmarks.truth_file import load_truths
from lr_finder.core.climbs import saw_next_to_nothing
from lr_finder.core.landmarks import IN_NOISE, Reading
from lr_finder.core.reading import try_to_read
from lr_finder.core.rules import PACE_FACTOR, WIDEST_BASIN

RESULTS = Path(__file__).parent / "results" / "variants.json"

CONSTANTS = 10 ** np.arange(-1.0, 3.01, 0.05)
"""Tried as the divisor at one step per decade."""

Landmark = Callable[[Reading], float]
Readings = dict[tuple[str, int], dict[int, Reading | None]]
"""By case and seed, and by the steps of the ramp; None where nothing can be read."""


def middle(reading: Reading, widest: float) -> float:
    """The middle of the basin, which counts as so wide at most."""
    first, last = reading.basin
    return first * np.sqrt(min(last / first, widest))


LANDMARKS: dict[str, Landmark] = {
    "middle of the basin, a decade wide at most (the default)": lambda r: middle(r, WIDEST_BASIN),
    "middle of the basin, however wide": lambda r: middle(r, np.inf),
    "beginning of the basin": lambda r: r.basin[0],
    "first within 5 % of the fall of the lowest": lambda r: r.first_within(0.05),
    "first within 50 %: half-way down": lambda r: r.first_within(0.5),
    "lowest point": lambda r: float(r.lrs[r.lowest]),
    "end of the basin": lambda r: r.basin[1],
    "last rate: where it diverged, if it did": lambda r: float(r.lrs[-1]),
}


def held_out_regret(landmark: Landmark, readings: Readings, curves: dict[str, RegretCurve]) -> dict[str, float]:
    """The regret for each length of ramp, and over all, with the constant chosen on the other tasks."""
    keys = [(case, steps, reading) for (case, _), by_steps in readings.items() for steps, reading in by_steps.items()]
    keys = [(case, steps, reading) for case, steps, reading in keys if reading is not None]
    tasks = np.array([case.rsplit("-", 1)[0] for case, _, _ in keys])
    lengths = np.array([steps for _, steps, _ in keys])
    regrets = np.array(
        [[curves[case].at(landmark(r) / (c / np.sqrt(r.pace))) for c in CONSTANTS] for case, _, r in keys]
    )
    chosen = np.empty(len(keys))
    for task in np.unique(tasks):
        chosen[tasks == task] = regrets[tasks == task, regrets[tasks != task].mean(0).argmin()]
    return {str(steps): round(float(chosen[lengths == steps].mean()), 4) for steps in np.unique(lengths)} | {
        "constant": round(float(CONSTANTS[regrets.mean(0).argmin()]), 1)
    }


def policy(is_too_fast: Callable[[Reading], bool], recorded, readings: Readings, curves) -> dict[str, float]:
    """A search that climbs in 40 steps, in 80 where that was too fast, and in 200 where that shows no clear fall.

    The climb in 80 is left out where the one in 40 saw next to nothing.
    """
    regrets, steps, refusals = [], [], 0
    for (case, seed), by_steps in readings.items():
        lengths = {planned: len(curve) for planned, curve in recorded[case, seed].items()}
        taken = lengths[20] + lengths[40]
        reading = by_steps[40]
        if reading is None or is_too_fast(reading):
            for length in (200,) if saw_next_to_nothing(recorded[case, seed][40]) else (80, 200):
                taken += lengths[length]
                reading = by_steps[length] or reading
                if by_steps[length] is not None and by_steps[length].has_fallen_clearly:
                    break
        steps.append(taken)
        if reading is None:
            refusals += 1
        else:
            lr = middle(reading, WIDEST_BASIN) / max(PACE_FACTOR / np.sqrt(reading.pace), 1)
            regrets.append(curves[case].at(lr))
    return {
        "regret": round(float(np.mean(regrets)), 4),
        "share_above_half": round(float((np.array(regrets) > 0.5).mean()), 4),
        "refusals": round(refusals / len(readings), 3),
        "steps": round(float(np.mean(steps))),
    }


POLICIES: dict[str, Callable[[Reading], bool]] = {
    "where nothing can be read": lambda r: False,
    "or the fall is below 6 x the noise": lambda r: r.fall_over_noise < IN_NOISE,
    "or the loss ran away suddenly": lambda r: r.is_sudden,
    "or either (the default)": lambda r: r.fall_over_noise < IN_NOISE or r.is_sudden,
    "or the fall is below 12 x the noise, or it was sudden": lambda r: r.fall_over_noise < 12 or r.is_sudden,
    "always": lambda r: True,
}


def main() -> None:
    recorded = ramps.load()
    readings = {
        key: {steps: try_to_read(curve) for steps, curve in curves.items() if steps != 20}
        for key, curves in recorded.items()
    }
    curves = {truth.case: regret_curve(truth, "constant") for truth in load_truths() if "constant" in truth.curves}
    result = {
        "command": "python -m benchmarks.variants",
        "unreadable": {
            str(steps): round(float(np.mean([by[steps] is None for by in readings.values()])), 3)
            for steps in (40, 80, 200)
        },
        "landmarks": {name: held_out_regret(landmark, readings, curves) for name, landmark in LANDMARKS.items()},
        "climbing_again": {name: policy(rule, recorded, readings, curves) for name, rule in POLICIES.items()},
    }
    print(json.dumps(result, indent=1))
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
