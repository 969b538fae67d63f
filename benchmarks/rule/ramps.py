"""Ramps of every case but the unseen, recorded so that ways to read them can be compared without training again.

`python -m benchmarks.rule.ramps` from the root; what is in `results/ramps.jsonl` is skipped. Each case and seed has a
coarse ramp over 1e-7 .. 1e3 in 20 steps, a climb in 40 through the region that it found, and climbs in 80, in 160 and
in 240 through the region that the first climb found, all from the same start.
"""

import os
from typing import Any

import numpy as np
import torch

from benchmarks.finders.regret import RegretCurve, regret_curve
from benchmarks.finders.tasks import CASES, UNSEEN, WIDER_CASES, Case
from benchmarks.finders.truth import SEEDS
from benchmarks.finders.truth_file import FILE as OWN
from benchmarks.finders.truth_file import load_truths
from benchmarks.finders.wider import TRUTH as WIDER
from benchmarks.result_files import RESULTS, add_lines, read_lines
from lr_finder import Curve, StopReason, lr_find
from lr_finder.core.climbs import first_region, next_region
from lr_finder.curve.thresholds import HIGHEST_LR

FILE = RESULTS / "ramps.jsonl"

SEEN = CASES | {name: case for name, case in WIDER_CASES.items() if case.task.name not in UNSEEN}
"""The cases on which something may be chosen."""


def regret_curves() -> dict[str, RegretCurve]:
    """Those of the cases on which something may be chosen, at a constant rate."""
    truths = load_truths(OWN) | load_truths(WIDER)
    return {name: regret_curve(truths[name], "constant") for name in SEEN}


Ramps = dict[int, Curve]
"""From the number of steps planned to the curve."""


def record(case: Case, seed: int) -> Ramps:
    """The ramps of a case."""
    model, make_optimizer, loss_fn, loader, _ = case.make(seed)
    optimizer = make_optimizer(1e-3)

    def ramp(num_it: int, start_lr: float = 1e-7, end_lr: float = HIGHEST_LR) -> Curve:
        bounds = {"start_lr": start_lr, "end_lr": end_lr}
        return lr_find(model, optimizer, loss_fn, loader, **bounds, num_it=num_it, progress=False).curve

    coarse = ramp(20)
    first = ramp(40, **first_region(coarse))
    return {20: coarse, 40: first} | {steps: ramp(steps, **next_region(first)) for steps in (80, 160, 240)}


def load() -> dict[tuple[str, int], Ramps]:
    """All ramps that are there, by case and seed."""
    return {
        (line["case"], line["seed"]): {int(steps): _curve(ramp) for steps, ramp in line["ramps"].items()}
        for line in read_lines(FILE)
    }


def keep(case: Case, seed: int, curves: Ramps) -> None:
    """Adds the ramps of a case to the file: each one's first and last rate, losses (null for NaN), end and momentum."""
    ramps = {
        steps: {
            "lrs": [float(curve.lrs[0]), float(curve.lrs[-1])],
            "losses": [float(f"{loss:.7g}") if np.isfinite(loss) else None for loss in curve.losses],
            "stop_reason": curve.stop_reason.name,
            "momentum": curve.momentum,
        }
        for steps, curve in curves.items()
    }
    add_lines(FILE, {"case": case.name, "seed": seed, "ramps": ramps})


def _curve(ramp: dict[str, Any]) -> Curve:
    losses = np.array([np.nan if loss is None else loss for loss in ramp["losses"]])
    lrs = np.geomspace(*ramp["lrs"], len(losses))
    return Curve(lrs, losses, stop_reason=StopReason[ramp["stop_reason"]], momentum=ramp["momentum"])


def main() -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(1)
    known = load()
    for seed in SEEDS:
        for name, case in SEEN.items():
            if (name, seed) not in known:
                keep(case, seed, record(case, seed))
        print(f"seed {seed}: done", flush=True)


if __name__ == "__main__":
    main()
