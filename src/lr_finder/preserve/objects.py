"""Objects of classes that have no file here: their attributes, or their state dict."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import is_dataclass
from typing import Any

from lr_finder.preserve.attributes import attributes, save_attributes, slots
from lr_finder.preserve.random_numbers import is_generator
from lr_finder.preserve.snapshot import Snapshot, refusal, save


@save.register(object)
def _save_object(thing: Any, snapshot: Snapshot) -> None:
    """Saves what was given, and what was found where it holds state; other finds are left alone.

    Following every attribute of a model would end in loggers, trainers and thread pools.
    """
    if not hasattr(thing, "__dict__") and _has_state_dict(thing):
        state = deepcopy(thing.state_dict())
        snapshot.on_restore(lambda: thing.load_state_dict(deepcopy(state)))
    elif hasattr(thing, "__dict__") or slots(thing):
        if snapshot.is_given(thing) or _holds_state(thing):
            # An optimizer, a scheduler or a gradient scaler keeps all of its state here. A cold optimizer has none:
            # putting back an empty dictionary clears what training made, without any copy.
            if _has_state_dict(thing) and _iterators(thing):
                _save_iterators(thing, snapshot)
            save_attributes(thing, snapshot)
    elif snapshot.is_given(thing):
        raise TypeError(refusal(thing))


def _save_iterators(thing: Any, snapshot: Snapshot) -> None:
    """Has an object make the iterators that it keeps anew: from its state dict, which knows their places.

    On the way back this comes first and the iterators made are put in place last, so that whatever else its
    `load_state_dict` does is overwritten: all else is put back as it was, and not as a state dict has it.
    """
    made: dict[str, Any] = {}

    def save_state(_: list[Any], snapshot: Snapshot) -> None:
        state = deepcopy(thing.state_dict())

        def make_anew() -> None:
            thing.load_state_dict(deepcopy(state))
            made.update(_iterators(thing))

        snapshot.on_restore(make_anew)

    snapshot.on_restore(lambda: vars(thing).update(made))
    snapshot.postpone(save_state, thing)


def _iterators(thing: Any) -> dict[str, Any]:
    """The attributes that are iterators, which nobody but the object itself can make anew at the same place."""
    return {name: value for name, value in vars(thing).items() if isinstance(value, Iterator)}


def _holds_state(thing: Any) -> bool:
    """Whether an object is an optimizer or a dataclass, has a state dict, or an array, tensor or generator in it."""
    if _has_state_dict(thing) or hasattr(thing, "param_groups") or is_dataclass(thing):
        return True
    return any(hasattr(value, "__array__") or is_generator(value) for value in attributes(thing))


def _has_state_dict(thing: Any) -> bool:
    return hasattr(thing, "state_dict") and hasattr(thing, "load_state_dict")
