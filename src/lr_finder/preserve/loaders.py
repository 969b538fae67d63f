"""Torch data loaders and samplers: generators, epochs and running workers; the data themselves are left alone."""

import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from lr_finder.preserve.snapshot import Snapshot, save, save_attributes


@save.register
def _save_loader(loader: DataLoader, snapshot: Snapshot) -> None:
    _save_data_set(loader.dataset, snapshot)
    workers = loader._iterator
    snapshot.skip(workers)
    save_attributes(loader, snapshot)
    if workers is not None:
        # The next iter(loader) would make persistent workers start over: the block gets workers of its own.
        loader._iterator = None


@save.register
def _save_sampler(sampler: Sampler, snapshot: Snapshot) -> None:
    for name in ("data_source", "dataset"):
        snapshot.skip(getattr(sampler, name, None))
    save_attributes(sampler, snapshot)


def _save_data_set(data_set: object, snapshot: Snapshot) -> None:
    """Saves positions, counters and generators of a data set; its samples are taken not to change."""
    snapshot.skip(data_set)
    attributes = getattr(data_set, "__dict__", {})
    for value in attributes.values():
        if isinstance(value, (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)):
            snapshot.add(value)
    saved = dict(attributes)

    def restore() -> None:
        attributes.clear()
        attributes.update(saved)

    snapshot.on_restore(restore)
