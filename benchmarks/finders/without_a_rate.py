"""Trains the AdamW cases with optimizers that promise to need no search for a rate, at their default rates.

Run `python -m benchmarks.finders.without_a_rate` from the root. What is measured already is skipped; to measure an
optimizer afresh, delete its lines in `results/without_a_rate.jsonl`.
"""

import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from operator import itemgetter
from pathlib import Path

import numpy as np
import torch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from benchmarks.finders.regret import Summary, standard_error, zero_loss
from benchmarks.finders.tasks import CASES, Case, Setup, Task
from benchmarks.finders.truth import SEEDS, constant, final_loss
from benchmarks.finders.truth_file import Truth
from benchmarks.result_files import RESULTS, add_lines, read_lines

FILE = RESULTS / "without_a_rate.jsonl"


def prodigy(parameters: Iterable, lr: float) -> Optimizer:
    """Prodigy (Mishchenko and Defazio 2023)."""
    from prodigyopt import Prodigy

    return Prodigy(parameters, lr=lr)


def d_adaptation(parameters: Iterable, lr: float) -> Optimizer:
    """Adam with D-Adaptation (Defazio and Mishchenko 2023)."""
    from dadaptation import DAdaptAdam

    return DAdaptAdam(parameters, lr=lr)


def schedule_free(parameters: Iterable, lr: float) -> Optimizer:
    """Schedule-free AdamW (Defazio et al. 2024)."""
    from schedulefree import AdamWScheduleFree

    return AdamWScheduleFree(parameters, lr=lr)


@dataclass(frozen=True)
class Choice:
    """An optimizer and the rate that it has by default, which is what its authors say to leave alone."""

    make_optimizer: Callable[[Iterable, float], Optimizer]
    lr: float
    package: str


CHOICES = {
    "Prodigy": Choice(prodigy, 1.0, "prodigyopt"),
    "D-Adaptation Adam": Choice(d_adaptation, 1.0, "dadaptation"),
    "schedule-free AdamW": Choice(schedule_free, 0.0025, "schedulefree"),
}


@dataclass(frozen=True)
class Retrained:
    """A case with another optimizer in place of its own."""

    case: Case
    choice: Choice

    @property
    def task(self) -> Task:
        """The case's."""
        return self.case.task

    def make(self, seed: int) -> Setup:
        """As `Case.make`; the optimizer is switched to what it says is to be validated, and back."""
        setup = self.case.make(seed)
        trained = [parameter for parameter in setup.model.parameters() if parameter.requires_grad]
        optimizer = self.choice.make_optimizer(trained, self.choice.lr)

        def validate() -> float:
            if not hasattr(optimizer, "eval"):
                return setup.validate()
            optimizer.eval()
            if any(isinstance(module, _BatchNorm) for module in setup.model.modules()):
                with torch.no_grad():  # the statistics of the averaged weights, as schedulefree's page has it
                    for inputs, _ in islice(setup.train_loader, 50):
                        setup.model(inputs)
            loss = setup.validate()
            optimizer.train()
            return loss

        if hasattr(optimizer, "train"):
            optimizer.train()
        return setup._replace(make_optimizer=lambda _: optimizer, validate=validate)


Losses = dict[str, dict[str, list[float | None]]]
"""Final validation losses for each optimizer and case, one a seed; None where training did not stay finite."""


def load(file: Path = FILE) -> Losses:
    """What was measured so far."""
    losses: Losses = {}
    for line in sorted(read_lines(file), key=itemgetter("seed")):
        losses.setdefault(line["optimizer"], {}).setdefault(line["case"], []).append(line["loss"])
    return losses


def measure(file: Path = FILE) -> None:
    """Trains what is not in the file yet, and keeps each loss; a seed of everything before the next seed."""
    known = {(line["optimizer"], line["case"], line["seed"]) for line in read_lines(file)}
    cases = [case for case in CASES.values() if case.optimizer == "adamw"]
    for seed in SEEDS:
        for name, choice in CHOICES.items():
            for case in cases:
                if (name, case.name, seed) not in known:
                    keep(name, case, seed, final_loss(Retrained(case, choice), seed, constant, choice.lr), file)
            print(f"seed {seed}: {name}, {len(cases)} cases", flush=True)


def keep(optimizer: str, case: Case, seed: int, loss: float, file: Path) -> None:
    """Adds a final loss to the file, with the versions."""
    package = CHOICES[optimizer].package
    where = {"optimizer": optimizer, "case": case.name, "seed": seed}
    versions = {"torch": torch.__version__, package: version(package)}
    add_lines(file, where | {"loss": loss if math.isfinite(loss) else None, "versions": versions})


def regret(losses: list[float | None], truth: Truth, *, strict: bool) -> float:
    """Regret of the mean loss against the best constant rate; negative where it trained better than at any rate."""
    zero = zero_loss(truth, strict=strict)

    def mean(losses: Iterable[float | None]) -> float:
        return float(np.mean([zero if loss is None else min(loss, zero) for loss in losses]))

    seeds = list(truth.curves["constant"].values())
    best = min(mean(curve[rate] for curve in seeds) for rate in seeds[0] if all(rate in curve for curve in seeds))
    return (mean(losses) - best) / (zero - best)


def summaries(truths: dict[str, Truth], losses: Losses) -> dict[str, Summary]:
    """A row for each optimizer, over what is measured so far; columns about a rate hold nan."""
    rows = {}
    for name, cases in losses.items():
        known = {case: given for case, given in cases.items() if case in truths and given}
        if not known:
            continue
        tasks = [truths[case].task for case in known]
        plain, strict = (
            np.array([regret(given, truths[case], strict=strict) for case, given in known.items()])
            for strict in (False, True)
        )
        rows[name] = Summary(
            num_answers=sum(map(len, known.values())),
            refusals=0.0,
            regret=float(plain.mean()),
            regret_error=standard_error(plain, tasks),
            regret_with_refusals=float(plain.mean()),
            strict_regret=float(strict.mean()),
            strict_error=standard_error(strict, tasks),
            share_above_half=float((plain > 0.5).mean()),
            decades=math.nan,
            within_3x=math.nan,
            spread=math.nan,
            steps=0.0,
        )
    return rows


def main() -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(1)
    measure()


if __name__ == "__main__":
    main()
