"""Data sets: positions, counters and random generators; the samples are taken not to change, unless given."""

from collections import deque
from typing import Any

from torch import nn
from torch.utils.data import Dataset

from lr_finder.preserve.attributes import save_attributes
from lr_finder.preserve.callables import held_by
from lr_finder.preserve.containers import items_of, save_contents
from lr_finder.preserve.random_numbers import is_generator
from lr_finder.preserve.snapshot import STATELESS, Snapshot, save

MOST_ITEMS = 100
"""A longer list holds samples: nothing is looked for among its items."""


@save.register
def _save_torch_data_set(data_set: Dataset, snapshot: Snapshot) -> None:
    if snapshot.is_given(data_set):
        save_attributes(data_set, snapshot)
    else:
        save_data_set(data_set, snapshot)


def save_data_set(data_set: Any, snapshot: Snapshot) -> None:
    """Saves the attributes of a data set of any class, but no tensors, and the generators reached from it."""
    snapshot.skip(data_set)
    _look_into(getattr(data_set, "__dict__", None), snapshot)


def _look_into(thing: Any, snapshot: Snapshot) -> None:
    if isinstance(thing, (Dataset, nn.Module)) or is_generator(thing):
        snapshot.add(thing)
    elif held := held_by(thing):
        for one in held:
            _look_into(one, snapshot)
    elif isinstance(thing, STATELESS) or not snapshot.skip(thing, key=("looked into", id(thing))):
        return
    elif isinstance(thing, (dict, list, tuple, set, deque)):
        if not isinstance(thing, tuple):
            save_contents(thing, snapshot)
        for item in items_of(thing) if len(thing) <= MOST_ITEMS else ():
            _look_into(item, snapshot)
    elif hasattr(thing, "__dict__"):
        # A transform or a reader: a generator in it comes back; its attributes don't, for a reader's counters would
        # no longer fit the file behind them.
        for value in list(vars(thing).values()):
            _look_into(value, snapshot)
