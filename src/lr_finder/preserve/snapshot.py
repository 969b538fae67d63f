"""The snapshot: walks from what it is given to all that training can change, and puts it back in place.

In place, because a copy of a state dict is not enough (it is an alias, and misses most of what training changes) and
a deep copy of the objects is another object than the one that the user, a compiled step or a process group holds.
"""

import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import singledispatch
from importlib import import_module
from typing import Any

Restore = Callable[[], object]


class Snapshot:
    """Everything reached from the things that were added, as it was then."""

    def __init__(self):
        self._restores: list[Restore] = []
        self._seen: dict[Hashable, Any] = {}  # holds the objects too, so that no id is used twice

    def add(self, thing: Any) -> None:
        """Saves a thing and what hangs together with it, once."""
        if self.skip(thing):
            save(thing, self)

    def skip(self, thing: Any, key: Hashable = None) -> bool:
        """Takes a thing as done, so that nothing copies it; False where it was done already.

        Args:
            thing: Any object.
            key: What tells it from others, where it has no lasting identity of its own.
        """
        key = id(thing) if key is None else key
        is_new = key not in self._seen
        self._seen[key] = thing
        return is_new

    def on_restore(self, restore: Restore) -> None:
        """Adds a step to the way back. Steps run in the order in which they were added."""
        self._restores.append(restore)

    def restore(self) -> None:
        """Puts everything back; one failing step does not keep the others from running."""
        errors: list[Exception] = []
        for restore in self._restores:
            try:
                restore()
            except Exception as error:  # noqa: BLE001 - raised below, once the rest is back
                errors.append(error)
        if errors:
            raise errors[0]


@singledispatch
def save(thing: Any, snapshot: Snapshot) -> None:
    """Registers with the snapshot how to put a thing back. One implementation per kind; others are left alone."""


def save_attributes(thing: Any, snapshot: Snapshot) -> None:
    """Saves an object by its attributes, for kinds that keep all their state there."""
    snapshot.add(vars(thing))


@contextmanager
def preserve(*things: Any) -> Iterator[None]:
    """Puts everything back, on any exit, that training inside the block changed.

    Takes torch modules, optimizers, schedulers, gradient scalers, data loaders, samplers, random generators, arrays
    and tensors, lists and dictionaries of them, and other objects whose state is in their attributes or that have
    `state_dict` and `load_state_dict`. What hangs together is found: an optimizer's parameters, a loader's sampler
    and generator. The global random generators of Python, NumPy and torch are always included.

    State is copied in place and each storage once. Parameters that need no gradient are copied only while they are
    no larger than those that do: a target network is covered, a large frozen base model costs nothing.

    >>> import numpy as np
    >>> weights = np.zeros(2)
    >>> with preserve(weights):
    ...     weights += 1
    >>> weights.tolist()
    [0.0, 0.0]

    Raises:
        TypeError: There is no way known to restore one of the things.
    """
    _load_kinds()
    snapshot = Snapshot()
    try:
        for thing in things:
            _add_given(thing, snapshot)
        from lr_finder.preserve.random_numbers import save_global_generators

        save_global_generators(snapshot)
        yield
    finally:
        snapshot.restore()


def _load_kinds() -> None:
    """Registers the kinds of every framework that is in use, and imports none that is not."""
    import_module("lr_finder.preserve.containers")
    import_module("lr_finder.preserve.random_numbers")
    if "torch" in sys.modules:
        for kind in ("tensors", "modules", "optimizers", "loaders"):
            import_module(f"lr_finder.preserve.{kind}")


def _add_given(thing: Any, snapshot: Snapshot) -> None:
    """Adds a thing that the caller named: here, unlike further down, an unknown kind must not be passed over."""
    if save.dispatch(type(thing)) is not save.dispatch(object):
        snapshot.add(thing)
    elif hasattr(thing, "__dict__") and not callable(thing):
        save_attributes(thing, snapshot)
    elif hasattr(thing, "state_dict") and hasattr(thing, "load_state_dict"):
        snapshot.on_restore(_state_dict_restore(thing))
    else:
        raise TypeError(
            "preserve() takes modules, optimizers, schedulers, loaders, generators, arrays and other objects that "
            f"hold state, got {type(thing).__name__}"
        )


def _state_dict_restore(thing: Any) -> Restore:
    from copy import deepcopy

    state = deepcopy(thing.state_dict())
    return lambda: thing.load_state_dict(state)
