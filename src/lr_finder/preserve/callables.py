"""What holds the state of something that is called."""

from functools import partial
from types import MethodType
from typing import Any


def held_by(call: Any) -> list[Any]:
    """Of a bound method its object, of a partial function what it calls and with what; nothing of all else."""
    if isinstance(call, MethodType):
        return [call.__self__]
    return [call.func, *call.args, *call.keywords.values()] if isinstance(call, partial) else []
