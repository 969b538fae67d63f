"""Measures the truth: trains every case at every rate of a grid.

Run `python -m benchmarks.finders.truth` from the root. What is there already is skipped, so an interrupted run is taken
up by the same command. To measure a case afresh, delete its lines
in `results/truth.jsonl`.
"""

import argparse
import functools
import math
import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from benchmarks.finders.tasks import CASES, MOMENTUM_CASES, WIDER_CASES, Case, epochs
from benchmarks.finders.truth_file import FILE, Losses, Truth, load_truths

RATES = {index: float(f"{10 ** (index / 3):.6g}") for index in range(-21, 7)}
"""Three rates per decade, 1e-7 to 100."""

USUAL_RATE = {
    "sgd": -3, "momentum": -5, "adamw": -8, "rmsprop": -8, "lion": -11, "muon": -6, "sparse_adam": -6,
    "sgd_m0.5": -4, "sgd_m0.99": -8, "adamw_m0": -8, "adamw_m0.99": -8, "rmsprop_m0.9": -11,
}  # fmt: skip
"""Index in `RATES` of where to begin with an optimizer; it decides what is measured first, not what is found."""

EVERY_CASE = CASES | MOMENTUM_CASES | WIDER_CASES

SEEDS = (0, 1, 2)
EVALUATED_AT = (0.85, 0.9, 0.95, 1.0)
"""Shares of the training after which the validation loss is measured; the final loss is their mean."""

CLEARLY_WORSE = 0.9
"""Share of the best improvement that has to be missing for a rate to end the search in its direction."""


def constant(_: float) -> float:
    """The same rate throughout."""
    return 1.0


def one_cycle(progress: float) -> float:
    """Up from a 25th in a quarter of the training, then down to nothing, both along half cosines (Smith 2018)."""
    start, warm_up = 1 / 25, 0.25
    if progress < warm_up:
        return start + (1 - start) * 0.5 * (1 - math.cos(math.pi * progress / warm_up))
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


SCHEDULES = {"constant": constant, "one_cycle": one_cycle}
"""Factor on the rate for the share of the steps that are done, 0 to below 1."""


def final_loss(case: Case, seed: int, schedule: Callable[[float], float], lr: float) -> float:
    """The validation loss at the end of a training, infinite where a loss was not finite."""
    model, make_optimizer, loss_fn, loader, validate = case.make(seed)
    optimizer = make_optimizer(lr)
    num_steps = case.task.num_steps
    evaluated_after = {round(share * num_steps) for share in EVALUATED_AT}
    losses = []
    for step, (inputs, targets) in zip(range(num_steps), epochs(loader), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = lr * schedule(step / num_steps)
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), targets)
        if not math.isfinite(loss.item()):
            return math.inf
        loss.backward()
        optimizer.step()
        if step + 1 in evaluated_after:
            losses.append(validate())
    mean = sum(losses) / len(losses)
    return mean if math.isfinite(mean) else math.inf


def explore(loss_at: Callable[[int], float], start: int, initial_loss: float) -> dict[int, float]:
    """Losses for neighbouring indices of `RATES`, outward from the start until clearly worse on both sides.

    A rate is clearly worse when it misses nine tenths of the best improvement so far. Two in a row must be, because a
    curve may recover from one bad rate; downwards some rate must also have learned something before.
    """
    losses = {start: loss_at(start)}

    def is_clearly_worse(index: int) -> bool:
        best = min(losses.values())
        return losses[index] >= initial_loss - (1 - CLEARLY_WORSE) * max(initial_loss - best, 0)

    above = start
    while above < max(RATES) and not (above > start and is_clearly_worse(above) and is_clearly_worse(above - 1)):
        above += 1
        losses[above] = loss_at(above)
    below = start
    while below > min(RATES) and not (
        min(losses.values()) < initial_loss and is_clearly_worse(below) and is_clearly_worse(below + 1)
    ):
        below -= 1
        losses[below] = loss_at(below)
    return losses


def measure(name: str, schedule: str, seed: int, file: Path = FILE) -> str | None:
    """Adds one seed of one schedule to the file; a case's first seed to be measured decides the rates of the others.

    Gives a line about it, or None where it was there already.
    """
    case = EVERY_CASE[name]
    truth = load_truths(file).get(name) or _nothing_measured(case)
    seeds = truth.curves.setdefault(schedule, {})
    if seed in seeds:
        return None
    started = time.perf_counter()
    initial_loss = truth.initial_losses.setdefault(seed, case.make(seed).validate())

    def loss_at(index: int) -> float:
        return final_loss(case, seed, SCHEDULES[schedule], RATES[index])

    if seeds:
        decided_before = next(iter(seeds.values()))
        seeds[seed] = {rate: loss_at(index) for index, rate in RATES.items() if rate in decided_before}
    else:
        losses = explore(loss_at, USUAL_RATE[case.optimizer], initial_loss)
        seeds[seed] = {RATES[index]: losses[index] for index in sorted(losses)}
    truth.keep(schedule, seed, file)
    return (
        f"{name} {schedule} seed {seed}: {_in_words(seeds[seed], initial_loss)}, {time.perf_counter() - started:.0f} s"
    )


def _nothing_measured(case: Case) -> Truth:
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    task = case.task
    return Truth(case.name, task.family, case.optimizer, task.num_steps, task.problem.constant_loss, versions)


def _in_words(losses: Losses, initial_loss: float) -> str:
    best = min(losses, key=losses.__getitem__)
    return (
        f"{initial_loss:.4g} -> {losses[best]:.4g} at {best:.2g}, "
        f"{len(losses)} rates {min(losses):.2g} .. {max(losses):.2g}"
    )


def milliseconds_per_step(case: Case, num_steps: int = 20) -> float:
    """Time of a training step, measured on a few at a harmless rate, after three to warm up."""
    model, make_optimizer, loss_fn, loader, _ = case.make(SEEDS[0])
    optimizer = make_optimizer(1e-6)
    started = 0.0
    for step, (inputs, targets) in zip(range(3 + num_steps), epochs(loader), strict=False):
        if step == 3:
            started = time.perf_counter()
        optimizer.zero_grad()
        loss_fn(model(inputs), targets).backward()
        optimizer.step()
    return (time.perf_counter() - started) / num_steps * 1000


def print_plan(names: list[str], schedules: Sequence[str], usual_num_rates: int = 15) -> None:
    """Prints how long the truth of these cases takes in one process."""
    total = 0.0
    for name in names:
        case = EVERY_CASE[name]
        milliseconds = milliseconds_per_step(case)
        runs = usual_num_rates * len(SEEDS) * len(schedules)
        seconds = runs * case.task.num_steps * milliseconds / 1000
        total += seconds
        print(f"{name:36} {runs} runs x {case.task.num_steps} steps x {milliseconds:5.2f} ms = {seconds:4.0f} s")
    print(f"{len(names)} cases, about {total / 60:.0f} minutes in one process", flush=True)


def be_modest() -> None:
    """Takes one thread at the lowest priority."""
    os.nice(19)
    torch.set_num_threads(1)


def measure_all(names: list[str], schedules: Sequence[str], processes: int, file: Path = FILE) -> None:
    """Measures every seed of the schedules that is not in the file yet, at the lowest priority."""
    be_modest()
    spawn = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=be_modest) as pool:
        # Whole passes over the cases, so that what is there after an interruption is of use.
        for schedule in schedules:
            for seed in SEEDS:
                for line in pool.map(functools.partial(measure, schedule=schedule, seed=seed, file=file), names):
                    if line:
                        print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=list(CASES), help="names of cases (default: all)")
    parser.add_argument("--processes", type=int, default=1, choices=(1, 2))
    parser.add_argument("--plan", action="store_true", help="only print how long it will take")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.cases if name not in CASES]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}; the cases are {', '.join(CASES)}")
    if arguments.plan:
        print_plan(arguments.cases, list(SCHEDULES))
    else:
        measure_all(arguments.cases, list(SCHEDULES), arguments.processes)


if __name__ == "__main__":
    main()
