"""Which of the things that a training uses hold state to put back."""

from collections.abc import Iterator
from functools import partial
from types import BuiltinFunctionType, FunctionType
from typing import Any

STATELESS = (FunctionType, BuiltinFunctionType, type, Iterator)
"""An iterator has state, but none that can be put back."""


def stateful(*things: Any) -> list[Any]:
    """Those with attributes, which training may change: a loader may be a plain list, a loss a plain function."""
    return [owner for owner in map(_owner, things) if hasattr(owner, "__dict__") and not isinstance(owner, STATELESS)]


def _owner(thing: Any) -> Any:
    """What holds the state of a thing: of a bound method its object, of a partial function what it calls."""
    if isinstance(thing, partial):
        return _owner(thing.func)
    return getattr(thing, "__self__", thing)
