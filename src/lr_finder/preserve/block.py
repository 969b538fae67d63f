"""`preserve`: the block after which nothing has changed."""

import signal
import sys
from contextlib import AbstractContextManager
from importlib import import_module
from types import TracebackType
from typing import Any

from lr_finder.preserve.copies import Storage
from lr_finder.preserve.random_numbers import save_global_generators
from lr_finder.preserve.signals import SignalGate
from lr_finder.preserve.snapshot import Snapshot, raise_any

KINDS = {
    "numpy": ("objects", "containers", "random_numbers"),
    "torch": ("tensors", "gradients", "modules", "schedulers", "data_sets", "loaders"),
    "torch.distributed.fsdp": ("sharded_modules",),
    "torch.distributed._composable.replicate": ("replicate",),
    "keras.src.utils.tracking": ("keras_objects",),  # Keras 3; earlier ones have no such module
}
"""The files that save the kinds of state of each framework, by a module that is there once it is in use."""


def preserve(*things: Any, storage: Storage = "memory") -> AbstractContextManager[Snapshot]:
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
            that is gone with the block or the process, however it ends. In memory they are on the device of the
            tensor, or on the host where that device has less than twice as much free.

    Returns:
        A context manager that gives the snapshot: its `nbytes` is the size of the copies, and its `start_over()` puts
        everything back in the middle of the block.

    Raises:
        TypeError: There is no way known to restore one of the things.
        ValueError: `storage` is not known.
        OSError: The disk has no room for the copies.
        RuntimeError: Something could not be put back; everything else was. Where the block itself raised an
            exception, that one is raised and the failure is only logged.
    """
    return _Block(things, storage)


class _Block(AbstractContextManager[Snapshot]):
    """A class and no generator function, so that no signal can come between the block's end and its first step."""

    def __init__(self, things: tuple[Any, ...], storage: Storage):
        self._things = things
        self._storage: Storage = storage

    def __enter__(self) -> Snapshot:
        self._snapshot = Snapshot(self._storage)
        self._gate = SignalGate(block=self)
        _load_kinds()
        try:
            self._gate.put_up()
            save_global_generators(self._snapshot)
            self._snapshot.take(self._things)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self._snapshot

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._gate.is_shut = True
        try:
            failures = self._snapshot.finish()
        finally:
            # A second Ctrl-C asks for what is under way already, and would hide the first with all that it carries.
            self._gate.take_down(drop=signal.SIGINT if isinstance(error, KeyboardInterrupt) else None)
        if error is None:
            raise_any(failures)


def _load_kinds() -> None:
    """Registers the kinds of every framework that is in use, and imports none that is not."""
    for sign, kinds in KINDS.items():
        if sign in sys.modules:
            for kind in kinds:
                import_module(f"lr_finder.preserve.{kind}")
