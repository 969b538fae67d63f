"""Asks this package's finder, and the rules that read one plain ramp.

Run `python -m benchmarks.finders.ours` from the root.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from benchmarks.finders.answers import FILE, Answer, Answers, ask_all
from benchmarks.finders.tasks import CASES, Case
from lr_finder import NoSuggestionError, Suggestion, lr_find
from lr_finder.curve.rules import RULES
from lr_finder.curve.schedule import LAWS

START_LR = 1e-3
"""The rate that the optimizer is made with; the search does not depend on it."""


def ask_rule(case: Case, seed: int, *, rule: str = "basin", **search: float) -> Suggestion | None:
    """The rate that a rule reads from a search, None where it gives none."""
    model, make_optimizer, loss_fn, train_loader, _ = case.make(seed)
    result = lr_find(model, make_optimizer(START_LR), loss_fn, train_loader, progress=False, **search)
    return given(lambda: result.suggest(rule))


def ask_probes(case: Case, seed: int, *, with_validation: bool, **search: Any) -> Suggestion | None:
    """The rate of a search with short trainings around what the curve suggests."""
    model, make_optimizer, loss_fn, train_loader, validate = case.make(seed)
    search["validate"] = validate if with_validation else None
    result = lr_find(model, make_optimizer(START_LR), loss_fn, train_loader, progress=False, **search)
    return given(lambda: result.suggestion)


def given(suggest: Callable[[], Suggestion]) -> Suggestion | None:
    """What is suggested, or None for a refusal."""
    try:
        return suggest()
    except NoSuggestionError:
        return None


SEARCHES = {
    "lr_finder": ask_rule,
    "lr_finder, num_it=50": partial(ask_rule, num_it=50),
    "lr_finder, num_it=100": partial(ask_rule, num_it=100),
    "lr_finder, num_it=300": partial(ask_rule, num_it=300),
    "lr_finder, probes=5": partial(ask_probes, with_validation=False, probes=5),
    "lr_finder, probes=5, validate": partial(ask_probes, with_validation=True, probes=5),
    "lr_finder, num_it=1000": partial(ask_rule, num_it=1000),
}

RULES_ALONE = {
    f"rule {rule}, 1e-7 .. 10 in 100 steps": partial(ask_rule, rule=rule, start_lr=1e-7, end_lr=10.0) for rule in RULES
}


def for_one_cycle(answers: Answers) -> Answers:
    """The peaks that `result.schedule` gives for the same suggestions."""

    def peak(answer: Answer) -> float | None:
        if answer.lr is None:
            return None
        return answer.lr * LAWS["one_cycle"].factor(CASES[answer.case].task.num_steps)

    peaks = [replace(answer, lr=peak(answer)) for answer in answers.given]
    return Answers(f"{answers.finder}, schedule('one_cycle')", ["one_cycle"], peaks)


def main(words: list[str]) -> None:
    """Asks about every case that has no answer in the results yet; delete its line there to ask afresh.

    Args:
        words: Only the finders whose name holds one of them; all where there are none.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(1)
    for name, finder in (SEARCHES | RULES_ALONE).items():
        if words and not any(word in name for word in words):
            continue
        answers = ask_all(name, finder)
        print(f"{name}: {len(answers.given)} answers in {FILE.name}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
