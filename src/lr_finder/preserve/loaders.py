"""Torch data loaders and samplers: generators, epochs and running workers."""

from typing import Any

from torch import nn
from torch.utils.data import DataLoader, Sampler
from torch.utils.data.dataloader import _BaseDataLoaderIter

from lr_finder.preserve.attributes import save_attributes
from lr_finder.preserve.callables import held_by
from lr_finder.preserve.data_sets import save_data_set
from lr_finder.preserve.random_numbers import is_generator
from lr_finder.preserve.snapshot import Snapshot, refusal, save


@save.register
def _save_loader(loader: DataLoader, snapshot: Snapshot) -> None:
    save_data_set(loader.dataset, snapshot)
    for part in (loader.sampler, loader.batch_sampler, loader.collate_fn):
        _save_part(part, snapshot)
    save_attributes(loader, snapshot)

    def set_workers_aside() -> None:
        # The next iter(loader) would make persistent workers start over, and a StatefulDataLoader forget where it is:
        # the block gets an iterator of its own.
        loader._iterator = None

    snapshot.on_start(set_workers_aside)


@save.register
def _save_sampler(sampler: Sampler, snapshot: Snapshot) -> None:
    for name in ("data_source", "dataset"):
        save_data_set(getattr(sampler, name, None), snapshot)
    for name in ("sampler", "batch_sampler"):
        _save_part(getattr(sampler, name, None), snapshot)
    save_attributes(sampler, snapshot)


@save.register
def _save_running(iterator: _BaseDataLoaderIter, snapshot: Snapshot) -> None:
    """Watches an iterator in use, since none can be wound back; a loader's own is set aside for the block."""
    if snapshot.is_given(iterator):
        raise TypeError(refusal(iterator))
    before = iterator._num_yielded

    def check() -> None:
        if iterator._num_yielded != before:
            raise RuntimeError(
                f"the block took {iterator._num_yielded - before} batches from an iterator in use, which can't be "
                "wound back: let it make one of its own from the loader"
            )

    snapshot.on_restore(check)


def _save_part(part: Any, snapshot: Snapshot) -> None:
    """Saves what a loader calls, of whatever class: it may count epochs or draw numbers."""
    if held := held_by(part):
        for one in held:
            _save_part(one, snapshot)
    elif isinstance(part, (Sampler, nn.Module)) or is_generator(part):
        snapshot.add(part)
    elif hasattr(part, "__dict__"):
        save_attributes(part, snapshot)
