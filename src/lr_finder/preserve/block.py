"""`preserve`: the block after which nothing has changed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from lr_finder.preserve.copies import Storage
from lr_finder.preserve.random_numbers import save_global_generators
from lr_finder.preserve.snapshot import Snapshot


@contextmanager
def preserve(*things: Any, storage: Storage = "memory") -> Iterator[Snapshot]:
    """Puts everything back, on any exit, that training inside the block changed.

    Takes torch modules, optimizers, schedulers, gradient scalers, data loaders, samplers, random generators, arrays
    and tensors, lists and dictionaries of them, and other objects whose state is in their attributes or that have
    `state_dict` and `load_state_dict`. What hangs together is found: an optimizer's parameters, a loader's sampler
    and generator. The global random generators of Python, NumPy and torch are always included.

    State is copied in place and each storage once. Frozen parameters that outweigh the trained ones are not copied,
    unless they have the shape of a trained one, as those of a target network do, or are given themselves.

    >>> import numpy as np
    >>> weights = np.zeros(2)
    >>> with preserve(weights):
    ...     weights += 1
    >>> weights.tolist()
    [0.0, 0.0]

    Args:
        things: What training can change.
        storage: Where the copies of tensors are kept: "memory", or "disk" for one file in the temporary directory
            that is gone with the block or the process, however it ends. Those of tensors on an accelerator are in
            host memory.

    Yields:
        The snapshot: `nbytes` is the size of the copies, and `start_over()` puts everything back within the block.

    Raises:
        TypeError: There is no way known to restore one of the things.
        ValueError: `storage` is not known.
        OSError: The disk has no room for the copies.
        RuntimeError: Something could not be put back; everything else was. Where the block itself raised an
            exception, that one is raised and the failure is only logged.
    """
    _load_kinds()
    snapshot = Snapshot(storage)
    try:
        save_global_generators(snapshot)
        snapshot.take(things)
        yield snapshot
    except BaseException as error:
        snapshot.finish(error)
        raise
    snapshot.finish(None)


def _load_kinds() -> None:
    """Registers the kinds of every framework that is in use, and imports none that is not."""
    for kind in ("objects", "containers"):
        import_module(f"lr_finder.preserve.{kind}")
    if "torch" in sys.modules:
        for kind in ("tensors", "modules", "data_sets", "loaders"):
            import_module(f"lr_finder.preserve.{kind}")
