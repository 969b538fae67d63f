"""Asks a finder for its rates, counts the steps it takes, and keeps the answers in `results/answers.jsonl`."""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from torch.optim.optimizer import register_optimizer_step_post_hook

from benchmarks.finders.tasks import CASES, Case
from benchmarks.result_files import RESULTS, add_lines, read_lines

FILE = RESULTS / "answers.jsonl"

USUAL = {"schedules": ["constant", "one_cycle"], "low": None, "high": None, "confidence": None}
"""What a line does not say where it is so."""


class Rate(Protocol):
    """A rate that comes with an interval and with how sure the finder is."""

    lr: float
    low: float
    high: float
    confidence: str


Finder = Callable[[Case, int], "float | Rate | None"]
"""Suggests a learning rate for a case and a seed, or None where it gives none.

It makes what it needs with `case.make(seed)`, and must not look at the truth. What it raises goes through: a finder
that fails on some case says so by catching its own exceptions.
"""


@dataclass(frozen=True)
class Answer:
    """What a finder said about a case.

    Attributes:
        case: Name of the case.
        seed: Of the model and the order of the data.
        lr: The suggested rate, None for a refusal.
        steps: Optimizer steps taken.
        seconds: Wall time, the making of the task not included where it was made before.
        low: Lower end of the interval; None where the finder gives none, as are the next two.
        high: Upper end.
        confidence: In the finder's own words.
    """

    case: str
    seed: int
    lr: float | None
    steps: int
    seconds: float
    low: float | None = None
    high: float | None = None
    confidence: str | None = None


@dataclass
class Answers:
    """All that one finder said.

    Attributes:
        finder: Its name in the tables.
        schedules: The schedules its rates are meant for.
        given: The answers.
    """

    finder: str
    schedules: list[str]
    given: list[Answer] = field(default_factory=list)

    def holds(self, case: Case, seed: int) -> bool:
        """Whether the finder was asked about it."""
        return any((answer.case, answer.seed) == (case.name, seed) for answer in self.given)

    def add(self, answer: Answer, file: Path) -> None:
        """Keeps one more answer, in the file too."""
        self.given.append(answer)
        line = {"finder": self.finder, "schedules": self.schedules} | asdict(answer)
        add_lines(file, {name: value for name, value in line.items() if (name, value) not in USUAL.items()})


def ask(finder: Finder, case: Case, seed: int) -> Answer:
    """Asks once. Steps of every torch optimizer are counted, so a finder need not report its own.

    Raises:
        ValueError: The answer is not a positive finite number, nor None.
    """
    case.make(seed)  # loads the data, so that the first finder does not pay for them
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    hook = register_optimizer_step_post_hook(count)
    started = time.perf_counter()
    try:
        said = finder(case, seed)
    finally:
        hook.remove()
    seconds = time.perf_counter() - started
    lr = said if said is None or isinstance(said, (int, float)) else said.lr
    if lr is not None and not 0 < lr < float("inf"):
        raise ValueError(f"a rate must be positive and finite, or None; got {lr!r} for {case.name}")
    more = {name: getattr(said, name, None) for name in ("low", "high", "confidence")}
    return Answer(case.name, seed, None if lr is None else float(lr), steps, round(seconds, 3), **more)


def ask_all(
    name: str,
    finder: Finder,
    *,
    schedules: Iterable[str] = ("constant", "one_cycle"),
    cases: Iterable[Case] = tuple(CASES.values()),
    seeds: Iterable[int] = (0, 1, 2),
    file: Path = FILE,
) -> Answers:
    """Asks about every case and seed of which the file has no answer of the finder yet, and keeps each answer there."""
    answers = load_all(file).get(name) or Answers(name, list(schedules))
    for case in cases:
        for seed in seeds:
            if not answers.holds(case, seed):
                answers.add(ask(finder, case, seed), file)
    return answers


def load_all(file: Path = FILE) -> dict[str, Answers]:
    """The answers of every finder asked so far, by its name and in the order of names."""
    asked: dict[str, Answers] = {}
    for line in read_lines(file):
        said = USUAL | line
        finder, schedules = said.pop("finder"), said.pop("schedules")
        asked.setdefault(finder, Answers(finder, schedules)).given.append(Answer(**said))
    return dict(sorted(asked.items()))
