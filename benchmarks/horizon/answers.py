"""Asks the search about the cases that are trained at many lengths, and about larger and smaller batches.

Run `python -m benchmarks.horizon.answers` from the root; what was asked already is skipped.
"""

from functools import partial

import torch

from benchmarks.finders.answers import ask_all
from benchmarks.finders.ours import ask_rule
from benchmarks.finders.tasks import LASTING_CASES
from benchmarks.horizon.truth import SEEDS
from benchmarks.result_files import RESULTS

FILE = RESULTS / "horizon_answers.jsonl"

SEARCHES = {"lr_finder": ask_rule, "lr_finder, num_it=300": partial(ask_rule, num_it=300)}


def main() -> None:
    torch.set_num_threads(1)
    for name, finder in SEARCHES.items():
        answers = ask_all(name, finder, schedules=["constant"], cases=LASTING_CASES.values(), seeds=SEEDS, file=FILE)
        print(f"{name}: {len(answers.given)} answers in {FILE.name}", flush=True)


if __name__ == "__main__":
    main()
