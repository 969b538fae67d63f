"""Measures the truth at length: trains every case for up to 32 times its steps, at every rate, under every schedule.

Run `python -m benchmarks.horizon.truth` from the root. What is there already is skipped, so an interrupted run is taken
up by the same command. Needs about 80 minutes of one processor.
"""

import argparse
import functools
import math
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.finders.tasks import LASTING_CASES, Case
from benchmarks.finders.truth import EVALUATED_AT, be_modest, one_cycle
from benchmarks.horizon.stacked import Stack
from benchmarks.result_files import RESULTS, add_lines, read_lines

FILE = RESULTS / "horizon_truth.jsonl"
SEEDS = (0, 1)
TIMES_AS_LONG = (1, 2, 4, 8, 16, 32)
"""Lengths of the trainings at a constant rate, in the task's own steps; one training gives all of them."""
SCHEDULED_TIMES_AS_LONG = (4, 16)
BATCH_FACTORS = (0.25, 4.0, 16.0)
BATCH_TASKS = (
    "logistic",
    "net",
    "doubtful_classes",
    "quantiles",
    "signals",
    "word_vectors",
    "diffusion",
    "convolution",
)

EXPLORED = [float(f"{10 ** (index / 2):.6g}") for index in range(-12, 5)]
"""Half decades from 1e-6 to 100, to see where the rates lie that are measured."""
AROUND = np.arange(-8, 7) / 4
"""Decades from the best of them: two below, one and a half above."""

COOLDOWN = 0.2


def wsd(progress: float) -> float:
    """Constant, and down to nothing along a line in the last fifth (Hägele et al. 2024)."""
    return min(1.0, (1 - progress) / COOLDOWN)


SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": lambda progress: 0.5 * (1 + math.cos(math.pi * progress)),
    "wsd": wsd,
    "linear": lambda progress: 1 - progress,
    "one_cycle": one_cycle,
    # Falls from the fiftieth part on, where customary warm-ups end.
    "inverse_sqrt": lambda progress: min(1.0, math.sqrt(0.02 / max(progress, 1e-9))),
}
"""Factor on the rate for the share of the steps that are done; none of them but one-cycle warms up."""


class Key(NamedTuple):
    """What one line of the file is about."""

    case: str
    schedule: str
    batch_factor: float


def losses_at(
    case: Case,
    rates: Sequence[float],
    seeds: Sequence[int],
    ends: Sequence[int],
    schedule: Callable[[float], float] | None,
) -> list[NDArray[np.float64]]:
    """Validation losses `(seeds, rates)` at the ends of trainings of several lengths, the first parts of the longest.

    At a constant rate each is the mean near its end (`EVALUATED_AT`); under a schedule it is the last.
    """
    shares = EVALUATED_AT if schedule is None else (1.0,)
    evaluated_after = {end: [round(share * end) for share in shares] for end in ends}
    wanted = {step for steps in evaluated_after.values() for step in steps}
    stack = Stack(case, rates, seeds)
    found = {}
    for step in range(max(ends)):
        stack.train_step(1.0 if schedule is None else schedule(step / max(ends)))
        if step + 1 in wanted:
            found[step + 1] = stack.validation_losses()
    return [np.mean([found[step] for step in evaluated_after[end]], axis=0) for end in ends]


def rates_around_the_best(case: Case) -> list[float]:
    """The rates to measure: around the one that is best for the task's own steps."""
    losses = losses_at(case, EXPLORED, SEEDS[:1], [case.task.num_steps], None)[0][0]
    best = EXPLORED[int(np.argmin(losses))]
    return [float(f"{best * 10**decades:.6g}") for decades in AROUND]


def measure(key: Key, file: Path = FILE) -> str:
    """Adds the trainings of a case under a schedule to the file, a line for each length."""
    started = time.perf_counter()
    case = LASTING_CASES[key.case]
    lines = read_lines(file)
    known = [line["rates"] for line in lines if line["case"] == key.case and line["batch_factor"] == key.batch_factor]
    task = replace(case.task, batch_size=round(case.task.batch_size * key.batch_factor))
    case = replace(case, task=task)
    rates = known[0] if known else rates_around_the_best(case)
    ends = [round(times * task.num_steps) for times in TIMES_AS_LONG[: 3 if key.batch_factor != 1 else None]]
    if key.schedule == "constant":
        measured = dict(zip(ends, losses_at(case, rates, SEEDS, ends, None), strict=True))
    else:
        ends = [times * task.num_steps for times in SCHEDULED_TIMES_AS_LONG]
        measured = {end: losses_at(case, rates, SEEDS, [end], SCHEDULES[key.schedule])[0] for end in ends}
    add_lines(
        file,
        *(
            {
                **key._asdict(),
                "optimizer": case.optimizer,
                "own_steps": task.num_steps,
                "steps": end,
                "initial_losses": [case.make(seed).validate() for seed in SEEDS],
                "constant_loss": task.problem.constant_loss,
                "rates": rates,
                "losses": [[loss if math.isfinite(loss) else None for loss in of_seed] for of_seed in losses],
            }
            for end, losses in measured.items()
        ),
    )
    best = {end: rates[int(np.argmin(losses.mean(0)))] for end, losses in measured.items()}
    where = ", ".join(f"{end}: {rate:.2g}" for end, rate in best.items())
    return (
        f"{key.case} {key.schedule} batches x {key.batch_factor:g}: best {where}; {time.perf_counter() - started:.0f} s"
    )


def all_keys() -> list[Key]:
    """What is to be measured, in whole passes over the cases, so that what is there after an interruption is of use."""
    passes = [[Key(name, "constant", 1.0) for name in LASTING_CASES]]
    for schedule in SCHEDULES:
        passes.append([Key(name, schedule, 1.0) for name in LASTING_CASES])
    batches = [
        Key(name, "constant", factor)
        for factor in BATCH_FACTORS
        for name, case in LASTING_CASES.items()
        if case.task.name.removeprefix("lasting_") in BATCH_TASKS
    ]
    passes.insert(2, batches)
    return [key for keys in passes for key in keys]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=1, choices=(1, 2))
    processes = parser.parse_args().processes
    be_modest()
    there = {Key(line["case"], line["schedule"], line["batch_factor"]) for line in read_lines(FILE)}
    missing = [key for key in all_keys() if key not in there]
    spawn = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=be_modest) as pool:
        for line in pool.map(functools.partial(measure, file=FILE), missing):
            print(line, flush=True)


if __name__ == "__main__":
    main()
