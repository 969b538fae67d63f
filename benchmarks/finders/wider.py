"""The wider yardstick: kinds of tasks on which the search was weak, made before anything was changed for them.

    python -m benchmarks.finders.wider truth [--processes 2]    # trains at every rate of the grid, at a constant rate
    python -m benchmarks.finders.wider ask [WORDS]              # asks the searches whose name holds one of the words
    python -m benchmarks.finders.wider table                    # how they do on two thirds of the tasks
    python -m benchmarks.finders.wider table --unseen           # and on the third that nothing may be chosen on

What is there is skipped, so an interrupted run is taken up by the same command; the files are
`results/wider_truth.jsonl` and `results/wider_answers.jsonl`.
"""

import argparse
import json
import os
from collections.abc import Iterable

import numpy as np
import torch

from benchmarks.finders.answers import Answer, Answers, ask_all, load_all
from benchmarks.finders.baselines import best_constant_elsewhere
from benchmarks.finders.ours import SEARCHES
from benchmarks.finders.regret import RegretCurve, noise_floor, regret_curve
from benchmarks.finders.tasks import UNSEEN, WIDER_CASES
from benchmarks.finders.truth import SEEDS, measure_all
from benchmarks.finders.truth_file import Truth, load_truths
from benchmarks.result_files import RESULTS

TRUTH, ANSWERS, TABLE = (RESULTS / f"wider{name}" for name in ("_truth.jsonl", "_answers.jsonl", ".json"))

ASKED = (
    "lr_finder", "lr_finder, num_it=100", "lr_finder, num_it=300", "lr_finder, probes=5",
    "lr_finder, probes=5, validate",
)  # fmt: skip
ASKED_SEEDS = SEEDS[:2]


def ask(words: Iterable[str]) -> None:
    """Asks the searches about every case that has no answer yet."""
    for name in ASKED:
        if any(word in name for word in words or [""]):
            answers = ask_all(
                name,
                SEARCHES[name],
                schedules=["constant"],
                cases=WIDER_CASES.values(),
                seeds=ASKED_SEEDS,
                file=ANSWERS,
            )
            print(f"{name}: {len(answers.given)} answers", flush=True)


def promises(given: list[Answer], curves: dict[str, RegretCurve]) -> dict[str, object]:
    """What a search is judged by: its regret, and whether its interval and its confidence mean what they say."""
    rated = [answer for answer in given if answer.lr is not None]
    regrets = np.array([curves[answer.case].at(answer.lr) for answer in rated])
    refused = len(given) - len(rated)
    row: dict[str, object] = {
        "searches": len(given),
        "regret": _rounded((regrets.sum() + refused) / len(given)),
        "refused": refused,
        "above_half_or_refused": _rounded(((regrets > 0.5).sum() + refused) / len(given)),
        "steps": round(float(np.mean([answer.steps for answer in given]))),
        "decades_off": _rounded(np.median([np.log10(answer.lr / curves[answer.case].best_rate) for answer in rated])),
    }
    if rated and rated[0].low is not None:
        holds = [answer.low <= curves[answer.case].best_rate <= answer.high for answer in rated]
        row["holds_the_best"] = _rounded(np.mean(holds))
        row["median_width"] = _rounded(np.median([np.log10(answer.high / answer.low) for answer in rated]))
        for level in ("high", "medium", "low"):
            at_level = regrets[[answer.confidence == level for answer in rated]]
            row[level] = {"searches": len(at_level), "regret": _rounded(at_level.mean()) if len(at_level) else None}
    return row


def _rounded(value: float) -> float:
    return round(float(value), 3)


def _noise_floor(truths: dict[str, Truth]) -> float | None:
    """The best rate of other seeds on a fresh one; None while some truth has one seed only."""
    if any(len(truth.curves["constant"]) < len(SEEDS) for truth in truths.values()):
        return None
    return _rounded(np.mean([noise_floor(truth, "constant") for truth in truths.values()]))


def table(truths: dict[str, Truth], asked: dict[str, Answers]) -> dict[str, object]:
    """Every search over the cases of some truths, with the noise floor and the best constant of the other tasks."""
    curves = {case: regret_curve(truth, "constant") for case, truth in truths.items()}
    everything = list(load_truths(TRUTH).values())
    constants = {case: best_constant_elsewhere(truth, everything, "constant") for case, truth in truths.items()}
    rows: dict[str, object] = {
        "cases": sorted(truths),
        "seeds of the truth": sorted({len(truth.curves["constant"]) for truth in truths.values()}),
        "noise floor": _noise_floor(truths),
        "best constant per optimizer on the other tasks": promises(
            [Answer(case, 0, lr, 0, 0.0) for case, lr in constants.items()], curves
        ),
    }
    for name, answers in asked.items():
        rows[name] = promises([answer for answer in answers.given if answer.case in truths], curves)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("truth", "ask", "table"))
    parser.add_argument("words", nargs="*", help="of the searches, or the names of the cases")
    parser.add_argument("--processes", type=int, default=1, choices=(1, 2))
    parser.add_argument("--unseen", action="store_true", help="the third of the tasks that nothing may be chosen on")
    arguments = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if arguments.what == "truth":
        measure_all(arguments.words or list(WIDER_CASES), ["constant"], arguments.processes, TRUTH)
    elif arguments.what == "ask":
        torch.set_num_threads(1)
        ask(arguments.words)
    else:
        measured = {
            case: truth
            for case, truth in load_truths(TRUTH).items()
            if "constant" in truth.curves and (truth.task in UNSEEN) == arguments.unseen
        }
        name = "unseen" if arguments.unseen else "seen"
        numbers = (json.loads(TABLE.read_text()) if TABLE.exists() else {}) | {name: table(measured, load_all(ANSWERS))}
        print(json.dumps(numbers[name], indent=1))
        TABLE.write_text(json.dumps({"command": "python -m benchmarks.finders.wider table"} | numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
