"""Batches from whatever the user trains with: again from the start for every ramp, and round again when short."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from lr_finder.errors import DataEndedError


class Batches:
    """Gives batch after batch of a loader, as a training over several epochs would; `name` is for its errors."""

    def __init__(self, loader: Iterable[Any], name: str = "train_loader"):
        if isinstance(loader, type):
            raise TypeError(f"{name} must be iterable, got the class {loader.__name__}: {loader.__name__}(...)")
        if isinstance(loader, (str, bytes)) or not isinstance(loader, Iterable):
            raise TypeError(f"{name} must be iterable and yield batches, got {type(loader).__name__}")
        if isinstance(loader, Mapping):
            names = ", ".join(map(repr, loader))
            raise TypeError(f"{name} must yield batches, got a mapping with {names}: give one of them, or zip() them")
        self._name = name
        self._has_given = False
        # An iterator can't start over for a second ramp: what was taken from it is kept.
        self._loader = _Kept(loader) if isinstance(loader, Iterator) else loader
        self._batches: Iterator[Any] = iter(())

    def even_out(self, even: Callable[[Iterator[Any]], Iterator[Any]]) -> None:
        """Has an iterator end where those of other processes do; a loader is gone round, and does not end."""
        if isinstance(self._loader, _Kept):
            self._loader.source = even(self._loader.source)

    @property
    def note(self) -> str | None:
        """What to say of batches that are gone; None for a loader, which gives them again."""
        if not isinstance(self._loader, _Kept):
            return None
        return f"{self._name} was an iterator, and what the search took from it is gone: give the loader itself."

    def restart(self) -> None:
        """Goes back to the first batch."""
        self._batches = iter(self._loader)

    def next(self) -> Any:
        """The next batch.

        Raises:
            DataEndedError: There is none, and going round again gives none.
            ValueError: There never was one.
        """
        for batch in self._batches:
            self._has_given = True
            return batch
        if not isinstance(self._loader, _Kept):
            self.restart()
            for batch in self._batches:
                self._has_given = True
                return batch
        if not self._has_given:
            raise ValueError(f"{self._name} must yield at least one batch, got none")
        raise DataEndedError


def batch_size_of(loader: Any, batches_per_step: int = 1) -> int | None:
    """Samples per optimizer step, where the loader says how many there are in a batch; for the record."""
    batch_size = getattr(loader, "batch_size", None)
    return batch_size * batches_per_step if isinstance(batch_size, int) else None


class _Kept:
    """An iterator that can be gone through again, because it keeps copies of what it gave: a step may change that."""

    def __init__(self, source: Iterator[Any]):
        self.source = source
        self._kept: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        yield from map(_copied, self._kept)
        for batch in self.source:
            self._kept.append(_copied(batch))
            yield batch


def _copied(batch: Any) -> Any:
    """A copy of a batch; itself where it can't be copied, as with a graph behind it."""
    try:
        return deepcopy(batch)
    except (TypeError, RuntimeError):
        return batch
