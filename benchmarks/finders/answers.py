"""Asks a finder for its rates, counts the steps it takes, and keeps the answers in `results/answers`."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from torch.optim.optimizer import register_optimizer_step_post_hook

from benchmarks.finders.tasks import CASES, Case
from benchmarks.result_files import RESULTS

FOLDER = RESULTS / "answers"


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

    def save(self, folder: Path) -> None:
        """Writes the file in one go, so that an interruption leaves the old one."""
        folder.mkdir(parents=True, exist_ok=True)
        path = _path(self.finder, folder)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(asdict(self), indent=1) + "\n")
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Answers":
        """Reads what `save` wrote."""
        content = json.loads(path.read_text())
        return cls(content["finder"], content["schedules"], [Answer(**answer) for answer in content["given"]])


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
    folder: Path = FOLDER,
) -> Answers:
    """Asks about every case and seed that is not in the finder's file yet, and keeps each answer there."""
    path = _path(name, folder)
    answers = Answers.load(path) if path.exists() else Answers(name, list(schedules))
    known = {(answer.case, answer.seed) for answer in answers.given}
    for case in cases:
        for seed in seeds:
            if (case.name, seed) not in known:
                answers.given.append(ask(finder, case, seed))
                answers.save(folder)
    return answers


def load_all(folder: Path = FOLDER) -> list[Answers]:
    """The answers of every finder asked so far, in the order of their file names."""
    return [Answers.load(path) for path in sorted(folder.glob("*.json"))]


def _path(finder: str, folder: Path) -> Path:
    return folder / ("".join(letter if letter.isalnum() else "_" for letter in finder) + ".json")
