"""Asks this package's finder, and the rules that read one plain ramp. Run `python -m benchmarks.ours` from the root."""

import functools
import os

import torch

from benchmarks.answers import FOLDER, ask_all
from benchmarks.tasks import Case
from lr_finder import NoSuggestionError, lr_find
from lr_finder.core.rules import RULES

START_LR = 1e-3
"""The rate that the optimizer is made with; the search does not depend on it."""


def ask_rule(case: Case, seed: int, *, rule: str = "basin", **search: float) -> float | None:
    """The rate that a rule reads from a search, None where it gives none."""
    model, make_optimizer, loss_fn, train_loader, _ = case.make(seed)
    result = lr_find(model, make_optimizer(START_LR), loss_fn, train_loader, progress=False, **search)
    try:
        return result.suggest(rule).lr
    except NoSuggestionError:
        return None


FINDERS = {f"lr_finder, num_it={num_it}": functools.partial(ask_rule, num_it=num_it) for num_it in (100, 300)} | {
    f"rule {rule}, 1e-7 .. 10 in 100 steps": functools.partial(ask_rule, rule=rule, start_lr=1e-7, end_lr=10.0)
    for rule in RULES
}


def main() -> None:
    """Asks about every case that has no answer in the results yet; delete the answers to ask afresh."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(1)
    for name, finder in FINDERS.items():
        answers = ask_all(name, finder)
        print(f"{name}: {len(answers.given)} answers in {FOLDER}")


if __name__ == "__main__":
    main()
