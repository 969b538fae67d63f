"""Which of the things that a training uses hold state to put back."""

from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType
from typing import Any

from lr_finder.preserve.callables import held_by
from lr_finder.preserve.random_numbers import is_generator

STATELESS = (FunctionType, BuiltinFunctionType, type, Iterator)
"""An iterator has state, but none that can be put back."""


def stateful(*things: Any) -> list[Any]:
    """Those with attributes, which training may change: a loader may be a plain list, a loss a plain function."""
    found = []
    for thing in things:
        if held := held_by(thing):
            found += stateful(*held)
        elif is_generator(thing) or (hasattr(thing, "__dict__") and not isinstance(thing, STATELESS)):
            found.append(thing)
    return found
