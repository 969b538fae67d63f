"""Processes of this machine as workers; one that dies is replaced."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import LifoQueue
from typing import Any, TypeVar

from lr_finder.core.search import SearchOptions
from lr_finder.curve.curve import Curve
from lr_finder.integrations.search import OnStep
from lr_finder.pool.orders import Failure, Order, Recipe, pickled
from lr_finder.pool.worker import work

MOST_TRIES = 3
"""How often a ramp is begun whose worker dies."""

PATIENCE = 5.0
"""Seconds that a worker gets to leave its training in order."""

STEP = None
"""What a worker sends after each step."""


Answer = TypeVar("Answer")


@dataclass(frozen=True)
class ProcessPool:
    """Probes in processes of this machine: `lr_find(make, pool=ProcessPool(2), probes=5)`.

    Args:
        workers: How many processes at most; where left out, as many as there are rates to try at once and cores.
    """

    workers: int | None = None

    def __post_init__(self):
        if self.workers is not None and (isinstance(self.workers, bool) or not isinstance(self.workers, int)):
            raise TypeError(f"workers must be a whole number, got {self.workers!r}")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be at least 1, got {self.workers}")

    def __str__(self) -> str:
        return "processes" if self.workers is None else f"ProcessPool({self.workers})"

    def pickled(self, make: Callable[[], Any]) -> bytes:
        """The user's function by its name."""
        return pickled(make)

    def open(self, recipe: Recipe) -> "Processes":
        """Workers that make the training; as a context manager they are gone at its end."""
        return Processes(recipe, self.workers or _cores())


class Processes:
    """Up to so many workers, each started when there is work for it. May be called from several threads.

    Args:
        recipe: What they make.
        most: How many at most.
    """

    def __init__(self, recipe: Recipe, most: int):
        self._recipe = recipe
        self._started: list[_Worker] = []
        self._has_ended = False
        # The last to come back is the first to be given out: a place is only filled where no worker is free.
        self._places: LifoQueue[_Worker | None] = LifoQueue()
        for _ in range(most):
            self._places.put(None)

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def options(self) -> SearchOptions:
        """Those of the search, as the training that was made and what was given have them."""
        return self._ask("the training", lambda worker: worker.options)

    def ramp(self, order: Order, on_step: OnStep) -> Curve:
        """Has a ramp made."""
        return self._ask(str(order), lambda worker: worker.ramp(order, on_step))

    def _ask(self, name: str, question: "Callable[[_Worker], Answer]") -> Answer:
        """Asks a worker, and another one where it dies."""
        deaths: list[_DiedError] = []
        while len(deaths) < MOST_TRIES:
            try:
                with self._worker() as worker:
                    return question(worker)
            except _DiedError as death:
                deaths.append(death)
                if self._has_ended or death.is_lasting:
                    break
        raise RuntimeError(
            f"{name} can't be made: its worker process ended {len(deaths)} times over, with exit code "
            f"{deaths[-1].exit_code}. {deaths[-1].remedy}"
        ) from None

    def cancel(self) -> None:
        """Ends all workers, also those that train."""
        self._has_ended = True
        try:
            for worker in self._started:
                worker.end()
            deadline = time.monotonic() + PATIENCE
            for worker in self._started:
                worker.wait(max(deadline - time.monotonic(), 0))
        finally:  # also where a second Ctrl-C comes
            for worker in self._started:
                worker.kill()

    @contextlib.contextmanager
    def _worker(self) -> Iterator["_Worker"]:
        """A worker for the block; it is free again after it, unless the block raises."""
        worker = self._places.get()
        try:
            if worker is None:
                worker = _Worker(self._recipe, self._started)
            yield worker
        except BaseException:
            worker = None
            raise
        finally:
            self._places.put(worker)


class _Worker:
    """A process with a training in it, and the line to it."""

    def __init__(self, recipe: Recipe, started: "list[_Worker]"):
        context = multiprocessing.get_context("spawn")  # a fork would share what threads and accelerators are in
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), name="lr_finder")
        self._process.start()
        started.append(self)
        theirs.close()
        self._has_begun = False
        self.options: SearchOptions = self._ask(recipe)
        self._has_begun = True

    def ramp(self, order: Order, on_step: OnStep) -> Curve:
        return self._ask(order, on_step)

    def _ask(self, question: Any, on_step: OnStep = lambda: None) -> Any:
        try:
            self._line.send(question)
            while (answer := self._line.recv()) is STEP:
                on_step()
        except (EOFError, ConnectionError):
            self._process.join(PATIENCE)
            raise _DiedError(self._process.exitcode, self._has_begun) from None
        if isinstance(answer, Failure):
            raise answer.again()
        return answer

    def end(self) -> None:
        self._process.terminate()

    def wait(self, seconds: float) -> None:
        self._process.join(seconds)

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


@dataclass
class _DiedError(Exception):
    """A worker process has ended by itself."""

    exit_code: int | None
    had_begun: bool

    @property
    def is_lasting(self) -> bool:
        """Whether the next one would go the same way: no signal ended it, and it came to nothing."""
        return not self.had_begun and (self.exit_code or 0) > 0

    @property
    def remedy(self) -> str:
        """What to do about it."""
        if self.is_lasting:
            return 'A script calls lr_find only under `if __name__ == "__main__":` then, because each worker imports it'
        return "Where memory ran out, let fewer train at once: pool=ProcessPool(1)"


class _Stopped(BaseException):
    """Leads out of whatever the training is doing, so that it leaves no file behind."""


def _serve(line: Connection) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to all; the search decides
    signal.signal(signal.SIGTERM, _leave)
    # Where the process of the search has died, what is sent to it is an OSError.
    with contextlib.suppress(_Stopped, OSError):
        try:
            work(line.recv(), iter(line.recv, None), line.send, on_step=lambda: line.send(STEP))
        except _Stopped:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the training raises is raised there
            line.send(Failure.of(error))
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what ends by itself is not led out of its ending


def _leave(*_: object) -> None:
    raise _Stopped


def _cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
