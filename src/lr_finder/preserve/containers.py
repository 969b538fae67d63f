"""Lists, dictionaries, sets and arrays: their contents, in place."""

from array import array
from collections import OrderedDict, deque
from collections.abc import Collection
from operator import is_
from typing import Any, TypeAlias

import numpy as np

from lr_finder.preserve.snapshot import Snapshot, save

Container: TypeAlias = dict[Any, Any] | list[Any] | deque[Any] | set[Any]


_PLAIN = (dict, OrderedDict, list, set)
"""Kinds that are sure to be cleared when told to."""


@save.register(dict)
@save.register(list)
@save.register(deque)
@save.register(set)
def _save_container(container: Container, snapshot: Snapshot) -> None:
    if not container and type(container) in _PLAIN:
        snapshot.postpone(_save_empty, container)
        return
    save_contents(container, snapshot)
    for item in items_of(container):
        snapshot.add(item)


@save.register
def _save_tuple(values: tuple, snapshot: Snapshot) -> None:
    for value in values:
        snapshot.add(value)


@save.register
def _save_array(values: np.ndarray, snapshot: Snapshot) -> None:
    if values.flags.writeable:
        saved = values.copy()
        snapshot.nbytes += saved.nbytes
        snapshot.on_restore(lambda: np.copyto(values, saved))
    if values.dtype == object:
        for item in values.flat:
            snapshot.add(item)


@save.register(array)
@save.register(bytearray)
def _save_numbers(values: "array[Any] | bytearray", snapshot: Snapshot) -> None:
    saved: Any = values[:]
    snapshot.nbytes += memoryview(saved).nbytes

    def restore() -> None:
        values[:] = saved

    snapshot.on_restore(restore)


def _save_empty(containers: list[Container], snapshot: Snapshot) -> None:
    """Saves that containers are empty, as most of a module's are: one step for all of them."""

    def restore() -> None:
        for container in containers:
            if container:
                container.clear()

    snapshot.on_restore(restore)


def save_contents(container: Container, snapshot: Snapshot) -> None:
    """Saves which items a container holds, without what becomes of the items themselves."""
    saved = _plain_copy(container)

    def restore() -> None:
        if not _holds_the_same(container, saved):
            container.clear()
            fill = container.extend if isinstance(container, (list, deque)) else container.update
            fill(saved)

    snapshot.on_restore(restore)


def items_of(container: Collection[Any]) -> Collection[Any]:
    """The items of a container; those of a dictionary are its values."""
    return container.values() if isinstance(container, dict) else container


def _plain_copy(container: Container) -> dict[Any, Any] | list[Any]:
    """The same items, in order, without the class, which may forbid or forget things when copied."""
    return dict(container) if isinstance(container, dict) else list(container)


def _holds_the_same(container: Container, saved: dict[Any, Any] | list[Any]) -> bool:
    """Whether two containers hold the same objects in the same order; tensors have no usable `==`."""
    if len(container) != len(saved):
        return False
    if not saved:
        return True
    if not all(map(is_, container, saved)):
        return False
    return not isinstance(container, dict) or all(map(is_, container.values(), items_of(saved)))
