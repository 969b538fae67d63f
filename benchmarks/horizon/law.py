"""What becomes of a suggestion in longer trainings and under schedules: the laws of the package against the truth.

Run `python -m benchmarks.horizon.law --published FOLDER` from the root, after `horizon.truth` and `horizon.answers`;
it takes seconds. The folder holds `deepobs_losses.csv.gz` (DeepOBS_Baselines 3da285a, MIT), `schaipp_runs.csv` and
`schaipp_124m_constant_val_curves.csv` (fabian-sp/lr-scheduling 8ace3a3, MIT) as tables.
"""

import argparse
import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.finders.answers import load_all
from benchmarks.finders.tasks import LASTING_CASES
from benchmarks.horizon.answers import FILE as ANSWERS
from benchmarks.horizon.truth import FILE as TRUTH
from benchmarks.result_files import RESULTS, read_lines, write_rows
from lr_finder.curve.horizon import Horizon, ScheduleKind
from lr_finder.curve.schedule import HEAVY, LAWS, Law, for_horizon
from lr_finder.curve.suggestion import Suggestion
from lr_finder.curve.training import Training

RESULT = RESULTS / "horizon.json"
DEEPOBS = {"Adam": (178, LAWS["constant"]), "GradientDescent": (316, LAWS["constant"]), "Momentum": (178, HEAVY)}
"""The length whose best rate is carried over, where SGD needs more steps before there is one, and by which law."""
DEEPOBS_STEPS = (1000, 1778, 3162, 5623, 10_000, 17_783, 31_623)

PEAKS, KNEES, EXPONENTS = (0.8, 1.0, 1.25, 1.6, 2.0, 2.5), (500.0, 1000.0, 2000.0, 4000.0), (0.0, 0.1, 0.2, 0.35, 0.5)
FITTED = [Law(*constants) for constants in product(PEAKS, KNEES, EXPONENTS)]
"""What is chosen among where a law is fitted to the other tasks."""


@dataclass(frozen=True)
class Regrets:
    """The regret of each rate for one length of one training; see `benchmarks.finders.regret`."""

    log_rates: np.ndarray
    regrets: np.ndarray

    @classmethod
    def of(cls, rates: Iterable[float], losses: np.ndarray, zero: float) -> "Regrets":
        """From the losses of the seeds, shape `(seeds, rates)`; each counts at most as the zero."""
        means = np.minimum(losses, zero).mean(0)
        return cls(np.log10(list(rates)), (means - means.min()) / (zero - means.min()))

    def at(self, lr: float) -> float:
        """Linear in the logarithm between measured rates."""
        return float(np.interp(np.log10(lr), self.log_rates, self.regrets))

    @property
    def best(self) -> float:
        """The vertex of the parabola through the best rate and its neighbours; the rate itself at an edge."""
        at = int(np.argmin(self.regrets))
        if at in (0, len(self.regrets) - 1):
            return float(10 ** self.log_rates[at])
        curvature, slope, _ = np.polyfit(self.log_rates[at - 1 : at + 2], self.regrets[at - 1 : at + 2], 2)
        return float(10 ** (-slope / curvature / 2)) if curvature > 0 else float(10 ** self.log_rates[at])


def family_of(case: str) -> str:
    """Whether an optimizer scales its steps, keeps a momentum, or neither."""
    optimizer = case.rpartition("-")[2]
    return {"momentum": "momentum", "sgd": "plain"}.get(optimizer, "adaptive")


def own_truth() -> dict[tuple[str, str, float, int], Regrets]:
    """By case, schedule, factor on the batch size, and steps."""
    return {
        (line["case"], line["schedule"], line["batch_factor"], line["steps"]): Regrets.of(
            line["rates"],
            np.array([[np.inf if loss is None else loss for loss in of_seed] for of_seed in line["losses"]]),
            float(np.mean(line["initial_losses"])),
        )
        for line in read_lines(TRUTH)
    }


def suggestions() -> dict[str, list[Suggestion]]:
    """What the default search said of each case; nothing for a refusal."""
    said: dict[str, list[Suggestion]] = defaultdict(list)
    for answer in load_all(ANSWERS)["lr_finder"].given:
        if answer.lr is not None:
            said[answer.case].append(Suggestion(answer.lr, answer.low, answer.high, "basin", answer.confidence, ""))
    return said


def own_rows() -> list[dict[str, Any]]:
    """Each kind of optimizer under each schedule at each length: the mean regret of the suggestions, carried over.

    "fitted elsewhere" is the law, of `FITTED`, that loses least on the other tasks, for this kind and schedule, at all
    lengths. "law, from the best rate" is what the law loses from the best rate of a short training.
    """
    truth = own_truth()
    suggested = suggestions()
    said = {case: [suggestion.lr for suggestion in given] for case, given in suggested.items()}
    own_steps = {case: LASTING_CASES[case].task.num_steps for case, *_ in truth}
    best = {case: truth[case, "constant", 1.0, steps].best for case, steps in own_steps.items()}
    cells = defaultdict(list)
    for (case, schedule, batch_factor, steps), regrets in truth.items():
        if batch_factor == 1:
            cells[family_of(case), schedule].append((case, steps, regrets))

    def mean(measured: list[Any], factor: Callable[[int], float]) -> float:
        return float(
            np.mean([regrets.at(lr * factor(steps)) for case, steps, regrets in measured for lr in said[case]])
        )

    rows = []
    for (family, schedule), measured in cells.items():
        law = LAWS[schedule]
        held_out = {}
        for task in {case.rpartition("-")[0] for case, *_ in measured}:
            others = [cell for cell in measured if cell[0].rpartition("-")[0] != task]
            held_out[task] = min(FITTED, key=lambda fitted: mean(others, fitted.factor)) if others else law
        for steps in sorted({cell[1] for cell in measured}):
            there = [cell for cell in measured if cell[1] == steps]
            training = Training("AdamW" if family == "adaptive" else "SGD")
            carried = [
                (for_horizon(suggestion, Horizon(schedule, steps), training), regrets)
                for case, _, regrets in there
                for suggestion in suggested[case]
            ]
            holds = [suggestion.low <= regrets.best <= suggestion.high for suggestion, regrets in carried]
            from_the_best = [
                regrets.at(best[case] * law.factor(steps) / LAWS["constant"].factor(own_steps[case]))
                for case, _, regrets in there
            ]
            fitted = [mean([cell], held_out[cell[0].rpartition("-")[0]].factor) for cell in there]
            rows.append(
                {
                    "optimizers": family,
                    "schedule": schedule,
                    "steps": steps,
                    "cases": len(there),
                    "as measured": mean(there, lambda _: 1.0),
                    "doubled": mean(there, lambda _: 2.0),
                    "law": mean(there, law.factor),
                    "law, from the best rate": float(np.mean(from_the_best)),
                    "fitted elsewhere": float(np.mean(fitted)),
                    "interval holds the best": float(np.mean(holds)),
                    "best over suggestion, decades": float(
                        np.median([np.log10(regrets.best / lr) for case, _, regrets in there for lr in said[case]])
                    ),
                }
            )
    return [
        {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()} for row in rows
    ]


COMMON: dict[ScheduleKind, tuple[str, list[Law]]] = {
    "constant": ("knee", [Law(1.0, knee, 0.5) for knee in KNEES]),
    **{
        schedule: ("peak", [Law(peak, 2000.0, 0.1) for peak in PEAKS])
        for schedule in ("cosine", "linear", "wsd", "one_cycle", "inverse_sqrt")
    },
}
"""The one constant of the package's law, the same for all optimizers, that is chosen on the other tasks."""


def common_rows() -> list[dict[str, Any]]:
    """The law's own constants held out by task: one number for all optimizers and lengths from 1,000 steps on."""
    suggested = suggestions()
    rows = []
    for schedule, (name, laws) in COMMON.items():
        measured = defaultdict(list)
        for (case, kind, batch_factor, steps), regrets in own_truth().items():
            if (kind, batch_factor) == (schedule, 1.0) and steps >= 1000:
                measured[case.rpartition("-")[0]] += [(regrets, given.lr, steps) for given in suggested[case]]

        def regrets_of(law: Law, tasks: Iterable[str], measured: Any = measured) -> list[float]:
            return [regrets.at(lr * law.factor(steps)) for task in tasks for regrets, lr, steps in measured[task]]

        chosen = {
            task: min(laws, key=lambda law, task=task: np.mean(regrets_of(law, measured.keys() - {task})))
            for task in measured
        }
        held_out = [regret for task, law in chosen.items() for regret in regrets_of(law, [task])]
        rows.append(
            {
                "schedule": schedule,
                "as measured": round(float(np.mean(regrets_of(Law(exponent=0.0), measured))), 4),
                "law": round(float(np.mean(regrets_of(LAWS[schedule], measured))), 4),
                "chosen on the other tasks": round(float(np.mean(held_out)), 4),
                name: sorted(getattr(law, name) for law in chosen.values()),
            }
        )
    return rows


def deepobs_rows(file: Path) -> list[dict[str, Any]]:
    """What it costs to train 1,000 to 32,000 steps at the best rate of a short training, carried over or not."""
    losses: dict[Any, dict[float, float]] = defaultdict(dict)
    with gzip.open(file, "rt") as table:
        for row in csv.DictReader(table):
            if row["kind"] == "minibatch_mean_last20pct":
                losses[row["problem"], row["optimizer"], int(row["steps"])][float(row["lr"])] = float(row["loss"])
    rows = []
    for optimizer, (start, its_law) in DEEPOBS.items():
        laws = {"as measured": Law(exponent=0.0), "law": its_law}
        for name, law in laws.items():
            regrets = []
            for problem in sorted({key[0] for key in losses}):
                at_first = losses[problem, optimizer, 10]
                if (problem, optimizer, 1000) not in losses or not at_first:
                    continue
                zero = at_first[min(at_first)]
                curves = {
                    steps: Regrets.of(
                        sorted(found), np.nan_to_num([[found[lr] for lr in sorted(found)]], nan=np.inf), zero
                    )
                    for steps in (start, *DEEPOBS_STEPS)
                    if (found := losses.get((problem, optimizer, steps)))
                }
                best = curves.pop(start).best
                regrets += [curve.at(best * law.factor(steps) / law.factor(start)) for steps, curve in curves.items()]
            mean, worst = round(float(np.mean(regrets)), 4), round(max(regrets), 3)
            rows.append({"optimizer": optimizer, "from": start, "rate": name, "mean": mean, "worst": worst})
    return rows


def llama_rows(folder: Path) -> list[dict[str, Any]]:
    """Peaks for the 124M Llama from its best constant rate in 1,000 steps, against the best that were tried."""
    constant: dict[float, float] = {}
    with (folder / "schaipp_124m_constant_val_curves.csv").open() as table:
        constant |= {float(row["lr"]): float(row["val"]) for row in csv.DictReader(table) if int(row["step"]) == 1000}
    start = _best(constant)
    runs: dict[Any, dict[float, float]] = defaultdict(dict)
    with (folder / "schaipp_runs.csv").open() as table:
        for row in csv.DictReader(table):
            kind = {"cos-zero-124m": "cosine", "ann124-0.2": "wsd", "stable-124m": "constant"}.get(row["run"])
            if kind is not None:
                runs[kind, int(row["iters"])][float(row["lr"])] = float(row["final_val_loss"])
    rows = []
    for (kind, steps), losses in sorted(runs.items()):
        if len(losses) < 3:
            continue
        law = LAWS[kind]
        peak = start / LAWS["constant"].factor(1000) * law.factor(steps)
        best = _best(losses)
        edge = best in (min(losses), max(losses))
        rows.append(
            {
                "schedule": kind,
                "steps": steps,
                "peak": float(f"{peak:.3g}"),
                "best tried": float(f"{best:.3g}"),
                "at the edge of what was tried": edge,
                "off by": round(peak / best, 2),
            }
        )
    return rows


def _best(losses: dict[float, float]) -> float:
    rates = sorted(losses)
    values = np.array([[losses[lr] for lr in rates]])
    return Regrets.of(rates, values, float(values.max())).best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--published", type=Path, help="the folder with the published figures; left out without")
    folder = parser.parse_args().published
    known = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    asked = load_all(ANSWERS)["lr_finder"].given
    refused = sum(answer.lr is None for answer in asked)
    found = {
        "searches": [{"asked": len(asked), "refused, and left out below": refused}],
        "own tasks": own_rows(),
        "held out": common_rows(),
    }
    if folder is None:
        found |= {name: known[name] for name in ("DeepOBS", "Llama") if name in known}
    else:
        found |= {"DeepOBS": deepobs_rows(folder / "deepobs_losses.csv.gz"), "Llama": llama_rows(folder)}
    for name, rows in found.items():
        print(name)
        for row in rows:
            print("  ", *(f"{key} {value}," for key, value in row.items()))
    write_rows(RESULT, "python -m benchmarks.horizon.law --published FOLDER", **found)


if __name__ == "__main__":
    main()
