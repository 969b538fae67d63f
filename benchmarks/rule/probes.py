"""What short trainings are worth beside the curve: how they should weigh, by their length.

Run `python -m benchmarks.rule.probes` from the root; what is in `results/probes.jsonl` is skipped. Each case is
searched with five probes of 64 and of 128 steps; then their falls are weighed in other ways.
"""

import itertools
import json
import os

import numpy as np
import torch

from benchmarks.finders.regret import RegretCurve
from benchmarks.finders.tasks import CASES, Case
from benchmarks.result_files import RESULTS, add_lines, read_lines
from benchmarks.rule.ramps import SEEN, regret_curves
from lr_finder import RangeTestResult, lr_find
from lr_finder.curve.thresholds import EVEN_PROBE_STEPS, SHORTFALL

RECORDED, FILE = RESULTS / "probes.jsonl", RESULTS / "probes.json"

LENGTHS = (64, 128)
SHORTFALLS = (0.1, 0.2, 0.3, 0.5)
EVEN_STEPS = (0, 32, 64, 128)
"""The steps at which probes weigh as much as the curve; with 0 they alone decide."""


def record(case: Case, steps: int) -> dict[str, object]:
    """What the curve suggests, and how far the loss fell at each rate; no rates where the curve tells none."""
    model, make_optimizer, loss_fn, loader, _ = case.make(0)
    result = lr_find(model, make_optimizer(1e-3), loss_fn, loader, probes=5, probe_steps=steps, progress=False)
    from_curve = RangeTestResult(result.curve, result.steps_taken)
    return {
        "case": case.name,
        "steps": steps,
        "curve": from_curve.suggestion.lr if from_curve.has_suggestion else None,
        "lrs": [probe.lr for probe in result.probes],
        "falls": [probe.fall if np.isfinite(probe.fall) else None for probe in result.probes],
    }


def weighed(line: dict, shortfall: float, even_steps: int) -> float:
    """The suggestion from a recorded line."""
    falls = np.array([-np.inf if fall is None else fall for fall in line["falls"]])
    if falls.max() <= 0:
        return line["curve"]
    weights = np.exp(-(1 - falls / falls.max()) / shortfall)
    worth = line["steps"] / (line["steps"] + even_steps)
    return float(np.exp(worth * np.average(np.log(line["lrs"]), weights=weights) + (1 - worth) * np.log(line["curve"])))


def regret(lines: list[dict], curves: dict[str, RegretCurve], shortfall: float, even_steps: int) -> float:
    """The mean over the cases for which there is a rate."""
    return mean([curves[line["case"]].at(weighed(line, shortfall, even_steps)) for line in lines])


def mean(values: list[float]) -> float:
    """To four digits after the point."""
    return round(float(np.mean(values)), 4)


def main() -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(1)
    known = {(line["case"], line["steps"]) for line in read_lines(RECORDED)}
    for steps, case in itertools.product(LENGTHS, SEEN.values()):
        if (case.name, steps) not in known:
            add_lines(RECORDED, record(case, steps))
    curves = regret_curves()
    result: dict[str, object] = {
        "command": "python -m benchmarks.rule.probes",
        "default": {"shortfall": SHORTFALL, "even_steps": EVEN_PROBE_STEPS},
    }
    for name, is_own in (("own", True), ("wider", False)):
        lines = [line for line in read_lines(RECORDED) if (line["case"] in CASES) == is_own and line["lrs"]]
        for steps in LENGTHS:
            of_length = [line for line in lines if line["steps"] == steps]
            result[f"{name}, {steps} steps"] = {
                "the curve alone": mean([curves[line["case"]].at(line["curve"]) for line in of_length]),
                "regret by shortfall and even_steps": {
                    str(shortfall): {even: regret(of_length, curves, shortfall, even) for even in EVEN_STEPS}
                    for shortfall in SHORTFALLS
                },
            }
    print(json.dumps(result, indent=1))
    FILE.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
