"""Lists, dictionaries, sets and arrays: their contents, in place."""

from collections import deque
from typing import Any

import numpy as np

from lr_finder.preserve.snapshot import Snapshot, save


@save.register
def _save_dict(values: dict, snapshot: Snapshot) -> None:
    saved = dict(values)
    for value in saved.values():
        snapshot.add(value)

    def restore() -> None:
        if not (_same(values, saved) and _same(values.values(), saved.values())):
            values.clear()
            values.update(saved)

    snapshot.on_restore(restore)


@save.register(list)
@save.register(deque)
def _save_sequence(values: Any, snapshot: Snapshot) -> None:
    saved = list(values)
    for value in saved:
        snapshot.add(value)

    def restore() -> None:
        if not _same(values, saved):
            values.clear()
            values.extend(saved)

    snapshot.on_restore(restore)


@save.register
def _save_set(values: set, snapshot: Snapshot) -> None:
    saved = set(values)

    def restore() -> None:
        values.clear()
        values.update(saved)

    snapshot.on_restore(restore)


@save.register
def _save_tuple(values: tuple, snapshot: Snapshot) -> None:
    for value in values:
        snapshot.add(value)


@save.register
def _save_array(array: np.ndarray, snapshot: Snapshot) -> None:
    if array.flags.writeable:
        saved = array.copy()
        snapshot.on_restore(lambda: np.copyto(array, saved))


def _same(these: Any, those: Any) -> bool:
    """Whether two collections hold the same objects in the same order; tensors have no usable `==`."""
    return len(these) == len(those) and all(a is b for a, b in zip(these, those, strict=True))
