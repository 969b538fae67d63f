"""Whether the warm-up that a search advises keeps a training from failing, and does no harm where none is needed.

Run `python -m benchmarks.horizon.warmup` from the root, after `horizon.answers`. Trains every case under a cosine, for
its own steps and for 4 times as many, with warm-ups of several lengths, to the peak of the law and to twice that; and
asks for advice there. The peak is that of the longer training for both. What is there already is skipped. Needs about
20 minutes of one processor; `--table` writes the table alone.
"""

import argparse
import math
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.finders.ours import ask_rule
from benchmarks.finders.tasks import LASTING_CASES, WARMING_CASES, Case, epochs
from benchmarks.finders.truth import be_modest
from benchmarks.horizon.law import suggestions
from benchmarks.horizon.stacked import Stack
from benchmarks.result_files import RESULTS, add_lines, read_lines, write_rows
from lr_finder import Curve, RangeTest, Sweep
from lr_finder.core.warmups import try_warmups
from lr_finder.curve.schedule import LAWS, WARM_UP

FILE, RESULT = RESULTS / "warmup.jsonl", RESULTS / "warmup.json"
CASES = WARMING_CASES | LASTING_CASES
SEEDS = (0, 1)
TIMES_AS_LONG = (1, 4)
PEAKS = (1.0, 2.0)
"""Factors on the peak of the law."""
WARMUPS = {250: (0, 10, 12, 30, 100), 1000: (0, 10, 30, 50, 100, 300)}
"""For each length, those that are tried by a search, the customary one, and one that is longer than all."""

CHOSEN_ON = (
    "warming_post_norm", "warming_deep_net", "warming_heavy_signals", "warming_large_start", "lasting_convolution",
)  # fmt: skip
"""The tasks that were looked at when it was decided what is tried, for how many steps, and what counts as low enough;
the others were measured afterwards."""

FAILS = 0.2
"""A training that loses so much of what another warm-up gains has failed."""


def losses_of(case: Case, peak: float, num_steps: int) -> NDArray[np.float64]:
    """Validation losses at the end, shape `(seeds, peaks, warm-ups)`."""
    tried = WARMUPS[num_steps]
    rates = [factor * peak for factor in PEAKS for _ in tried]
    warmups = torch.tensor(tried * len(PEAKS))
    stack = Stack(case, rates, SEEDS)
    for step in range(num_steps):
        progress = ((step - warmups) / (num_steps - warmups)).clamp(min=0)
        cosine = 0.5 * (1 + torch.cos(math.pi * progress))
        stack.train_step(torch.where(step < warmups, (step + 1) / warmups, cosine))
    return stack.validation_losses().reshape(len(SEEDS), len(PEAKS), len(tried))


def ramp_of(case: Case, seed: int) -> Callable[[Sweep], Curve]:
    """Trains through a sweep, from the start each time."""

    def ramp(sweep: Sweep) -> Curve:
        model, make_optimizer, loss_fn, loader, _ = case.make(seed)
        optimizer = make_optimizer(1.0)
        batches = epochs(loader)
        test = RangeTest.over(sweep)
        for lr in test:
            inputs, targets = next(batches)
            optimizer.param_groups[0]["lr"] = lr
            optimizer.zero_grad()
            loss = loss_fn(model(inputs), targets)
            loss.backward()
            optimizer.step()
            test.record(loss.item())
        return test.curve

    return ramp


def advice(case: Case, seed: int, peak: float) -> dict[str, Any]:
    """What the warm-ups that a search tries say, and how many steps they took."""
    taken = 0

    def counted(sweep: Sweep) -> Curve:
        nonlocal taken
        curve = ramp_of(case, seed)(sweep)
        taken += len(curve)
        return curve

    warmup = try_warmups(counted, peak)
    return {"steps": warmup.steps, "ran_away": warmup.ran_away, "taken": taken}


def suggested(name: str) -> float:
    """The geometric mean of what a search says with each seed."""
    if name in LASTING_CASES:
        rates = [suggestion.lr for suggestion in suggestions()[name]]
    else:
        rates = [said.lr for seed in SEEDS if (said := ask_rule(CASES[name], seed)) is not None]
    return float(np.exp(np.mean(np.log(rates))))


def measure(name: str) -> None:
    """Adds a case to the file, a line for each length."""
    case = CASES[name]
    lengths = [times * case.task.num_steps for times in TIMES_AS_LONG]
    peak = suggested(name) * LAWS["cosine"].factor(lengths[-1])
    advised = [[advice(case, seed, factor * peak) for factor in PEAKS] for seed in SEEDS]
    add_lines(FILE, *(line(name, peak, num_steps, advised) for num_steps in lengths))


def line(name: str, peak: float, num_steps: int, advised: Any) -> dict[str, Any]:
    """What the file has of the trainings of one length."""
    losses = losses_of(CASES[name], peak, num_steps)
    return {
        "case": name,
        "steps": num_steps,
        "peak": peak,
        "peaks": PEAKS,
        "warmups": WARMUPS[num_steps],
        "initial_losses": [CASES[name].make(seed).validate() for seed in SEEDS],
        "losses": [[[x if math.isfinite(x) else None for x in row] for row in rows] for rows in losses.tolist()],
        "advised": advised,
    }


WAYS = ("none", "customary", "as advised", "100 steps")
"""No warm-up; a customary share of the training; the longer of that and the one advised; 100 steps."""


def rows() -> list[dict[str, Any]]:
    """For each case, length and peak: what is lost with each way to warm up.

    Regret is the share of what the best warm-up gains at this peak that is lost, on average over the seeds. Peaks at
    which none gains anything are left out.
    """
    every = (row(found, at) for found in read_lines(FILE) for at in range(len(PEAKS)))
    return [one for one in every if one is not None]


def row(found: dict[str, Any], at: int) -> dict[str, Any] | None:
    """That of one line of the file and one of its peaks; None where no warm-up gains anything."""
    initial = np.array(found["initial_losses"])
    losses = np.fmin(np.array(found["losses"], dtype=np.float64)[:, at], initial[:, None])
    best = losses.mean(0).min()
    if best == initial.mean():
        return None
    customary = int(WARM_UP["cosine"] * found["steps"])
    given = [of_seed[at] for of_seed in found["advised"]]
    warmups = {
        "none": [0] * len(SEEDS),
        "customary": [customary] * len(SEEDS),
        "as advised": [customary if one["ran_away"] else max(one["steps"], customary) for one in given],
        "100 steps": [100] * len(SEEDS),
    }

    def regret(steps: list[int]) -> float:
        reached = losses[range(len(SEEDS)), [found["warmups"].index(of_seed) for of_seed in steps]]
        return round(float((reached.mean() - best) / (initial.mean() - best)), 4)

    return {
        "case": found["case"],
        "steps": found["steps"],
        "times the peak": PEAKS[at],
        **{way: regret(steps) for way, steps in warmups.items()},
        "advised": [one["steps"] for one in given],
        "ran away": sum(one["ran_away"] for one in given),
        "steps taken": float(np.mean([one["taken"] for one in given])),
    }


def summary(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each length and peak: mean and worst over the cases that fail without a warm-up, and over the others."""
    groups: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for one in found:
        groups[one["steps"], one["times the peak"], one["none"] >= FAILS].append(one)
    return [
        {"steps": steps, "times the peak": factor, "fails without": fails, "cases": len(group)}
        | {way: [round(float(np.mean([one[way] for one in group])), 4), max(one[way] for one in group)] for way in WAYS}
        | {"advice": dict(sorted(Counter(steps for one in group for steps in one["advised"]).items()))}
        | {"steps taken": round(float(np.mean([one["steps taken"] for one in group])))}
        for (steps, factor, fails), group in sorted(groups.items())
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true")
    if not parser.parse_args().table:
        be_modest()
        there = {found["case"] for found in read_lines(FILE)}
        for name in CASES:
            if name not in there:
                measure(name)
                print(name, flush=True)
    found = rows()
    held_out = [one for one in found if one["case"].rpartition("-")[0] not in CHOSEN_ON]
    tables = {"summary": summary(found), "held_out": summary(held_out), "rows": found}
    write_rows(RESULT, "python -m benchmarks.horizon.warmup", **tables)
    print("\n".join(map(str, [*found, *summary(found), "held out:", *summary(held_out)])))


if __name__ == "__main__":
    main()
