"""The snapshot: walks from what it is given to all that training can change, and puts it back in place.

In place, because a copy of a state dict is not enough (it is an alias, and misses most of what training changes) and
a deep copy of the objects is another object than the one that the user, a compiled step or a process group holds.
"""

import gc
import logging
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import singledispatch
from types import FunctionType, MethodType, ModuleType
from typing import Any, TypeAlias

from lr_finder.preserve.copies import Buffer, Storage, check_storage, copy

Step: TypeAlias = Callable[[], object]

STATELESS = (type(None), bool, int, float, complex, str, bytes, type, FunctionType, MethodType, ModuleType)
"""Kinds that hold nothing to save; passed over at once, since a list of numbers may be long."""

logger = logging.getLogger("lr_finder")


class Snapshot:
    """Everything reached from the things that were given, as it was then.

    Attributes:
        given: The things that the caller named; others are found from them.
        nbytes: Size of the copies of tensors and arrays: the bytes that training can change.
    """

    def __init__(self, storage: Storage = "memory"):
        check_storage(storage)
        self.given: Sequence[Any] = ()
        self.nbytes = 0
        self._storage: Storage = storage
        self._seen: dict[Hashable, Any] = {}  # holds the objects too, so that no id is used twice
        self._savers: dict[type, Callable[[Any, Snapshot], None] | None] = {}  # by kind; None for one without state
        self._unvisited: deque[Any] = deque()  # a queue, because models nest deeper than Python's stack
        self._postponed: dict[Callable[[list[Any], Snapshot], None], list[Any]] = {}
        self._buffers: list[Buffer] = []
        self._starts: list[Step] = []
        self._restores: list[Step] = []
        self._resources = ExitStack()

    def add(self, thing: Any) -> None:
        """Saves a thing and what hangs together with it, once."""
        try:
            kind = thing.__class__
        except ReferenceError:  # a weak proxy of what is gone
            return
        if kind not in self._savers:
            self._savers[kind] = None if issubclass(kind, STATELESS) else save.dispatch(kind)
        if self._savers[kind] is not None and self.skip(thing):
            self._unvisited.append(thing)

    def skip(self, thing: Any, key: Hashable = None) -> bool:
        """Takes a thing as done, so that nothing saves it; False where it was done already.

        Args:
            thing: Any object.
            key: What tells it from others, where it has no lasting identity of its own.
        """
        key = id(thing) if key is None else key
        is_new = key not in self._seen
        self._seen[key] = thing
        return is_new

    def is_given(self, thing: Any) -> bool:
        """Whether the caller named this very thing."""
        return any(thing is given for given in self.given)

    def postpone(self, save_all: "Callable[[list[Any], Snapshot], None]", thing: Any) -> None:
        """Leaves a thing to `save_all`, which gets all that were left to it once everything else was reached."""
        self._postponed.setdefault(save_all, []).append(thing)

    def copy(self, buffer: Buffer) -> None:
        """Has bytes copied and put back."""
        self._buffers.append(buffer)
        self.nbytes += buffer.nbytes

    def on_start(self, start: Step) -> None:
        """Adds a step that readies a thing for the block, once everything is saved."""
        self._starts.append(start)

    def on_restore(self, restore: Step) -> None:
        """Adds a step to the way back; the last one added runs first."""
        self._restores.append(restore)

    def take(self, things: Sequence[Any]) -> None:
        """Saves the things, and only then readies them for the block."""
        self.given = things
        with _no_garbage():
            for thing in things:
                if isinstance(thing, STATELESS):
                    raise TypeError(refusal(thing))
                self.add(thing)
            self._visit()
            while self._postponed:
                save_all, postponed = self._postponed.popitem()
                save_all(postponed, self)
                self._visit()
        place = "in memory" if self._storage == "memory" else "on disk"
        logger.info("%.1f MB can change here; a copy is kept %s", self.nbytes / 1e6, place)
        self._restores += copy(self._buffers, self._storage, self._resources)
        self._start()

    def start_over(self) -> None:
        """Puts everything back in the middle of the block, for another try from the same start.

        Raises:
            RuntimeError: Something could not be put back; everything else was.
        """
        raise_any(self._restore())
        self._start()

    def finish(self) -> list[Exception]:
        """Puts everything back for good and lets go of the copies; the errors of what could not be put back."""
        failures = self._restore()
        for held in (self._seen, self._buffers, self._starts, self._restores):
            held.clear()
        self.given = ()
        self._resources.close()
        return failures

    def _visit(self) -> None:
        while self._unvisited:
            thing = self._unvisited.popleft()
            self._savers[thing.__class__](thing, self)  # pyright: ignore[reportOptionalCall]

    def _start(self) -> None:
        for start in self._starts:
            start()

    def _restore(self) -> list[Exception]:
        """Runs every step, whatever becomes of the others; the errors of those that failed."""
        failures: list[Exception] = []
        for restore in reversed(self._restores):
            try:
                restore()
            except Exception as failure:
                logger.exception("Something could not be put back")
                failures.append(failure)
        return failures


@singledispatch
def save(thing: Any, snapshot: Snapshot) -> None:
    """Registers with the snapshot how to put a thing back: one implementation per kind."""
    raise NotImplementedError(f"no kind was loaded that covers {type(thing).__name__}")


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Spares the search for garbage in what is made by the ten thousands and is none: it took half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def refusal(thing: Any) -> str:
    """What to tell a caller who named a thing that can't be put back."""
    return (
        "preserve() takes modules, optimizers, schedulers, loaders, generators, arrays and other objects that hold "
        f"state, got {type(thing).__name__}"
    )


def raise_any(failures: list[Exception]) -> None:
    """Raises the first of the errors, if there are any.

    Raises:
        RuntimeError: There are.
    """
    if failures:
        raise RuntimeError(f"{len(failures)} steps of putting everything back failed: {failures[0]}") from failures[0]
