"""Batches from whatever the user trains with: again from the start for every ramp, and round again when short."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch


class DataEndedError(Exception):
    """The loader has no more batches and can't start over."""


class Batches:
    """Gives batch after batch of a loader, as a training over several epochs would."""

    def __init__(self, loader: Iterable[Any]):
        if not isinstance(loader, Iterable):
            raise TypeError(f"train_loader must be iterable, got {type(loader).__name__}")
        # An iterator can't start over for a second ramp: what was taken from it is kept.
        self._loader = _Kept(loader) if isinstance(loader, Iterator) else loader
        self._batches: Iterator[Any] = iter(())

    def restart(self) -> None:
        """Goes back to the first batch."""
        self._batches = iter(self._loader)

    def next(self) -> Any:
        """The next batch.

        Raises:
            DataEndedError: There is none, and going round again gives none.
        """
        for batch in self._batches:
            return batch
        if isinstance(self._loader, _Kept):
            raise DataEndedError
        self.restart()
        for batch in self._batches:
            return batch
        raise DataEndedError


class _Kept:
    """An iterator that can be gone through again, because it keeps what it gave."""

    def __init__(self, source: Iterator[Any]):
        self._source = source
        self._kept: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        yield from self._kept
        for batch in self._source:
            self._kept.append(batch)
            yield batch


def to_device(batch: Any, device: torch.device) -> Any:
    """A batch with every tensor in it on the device; the containers keep their kinds."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, Mapping):
        moved = {key: to_device(value, device) for key, value in batch.items()}
        return moved if type(batch) is dict else type(batch)(moved)  # pyright: ignore[reportCallIssue]
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(to_device(value, device) for value in batch))
    if isinstance(batch, (list, tuple)):
        return type(batch)(to_device(value, device) for value in batch)
    return batch
