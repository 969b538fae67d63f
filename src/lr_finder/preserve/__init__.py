"""Puts back whatever training can change: models, optimizers, loaders, random numbers.

    from lr_finder.preserve import preserve

    with preserve(model, optimizer, train_loader):
        ...  # train as you like; afterwards everything is bit for bit as before

Each kind of state has a file here; a new kind is a function registered with `snapshot.save`.
"""

from lr_finder.preserve.block import preserve
from lr_finder.preserve.snapshot import Snapshot

__all__ = ["Snapshot", "preserve"]
