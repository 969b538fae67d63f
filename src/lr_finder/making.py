"""A user's function that makes a training: what it takes, which is nothing, and what it returns."""

import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any

FIRST_ARGUMENT = ("training", "model", "step")
"""In a dictionary, what is trained stands under one of these names."""

EXAMPLE = "return model, optimizer, loss_fn, train_loader"


def check_takes_nothing(function: Callable[..., Any], name: str) -> None:
    """Refuses a function that can't be called without arguments.

    Raises:
        TypeError: It can't.
    """
    with suppress(ValueError):  # some built-in callables have no signature
        signature = inspect.signature(function)
        try:
            signature.bind()
        except TypeError as error:
            raise TypeError(f"{name} must be a function without arguments: {error}") from None


def arguments_of(made: Any, name: str = "make") -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Spreads what the function returned: a tuple into positional arguments, a dictionary into keywords.

    A tuple may end in a dictionary of keywords: `step, {"optimizer": optimizer}`. Anything else is the one argument.

    Args:
        made: What it returned.
        name: The function, for errors.

    Raises:
        TypeError: It is nothing to train.

    >>> arguments_of(("step", {"optimizer": "sgd"}))
    (('step',), {'optimizer': 'sgd'})
    """
    if made is None:
        raise TypeError(f"{name} returned None; it must return what lr_find() takes: {EXAMPLE}")
    if isinstance(made, dict):
        keywords = dict(made)
        first = [keywords.pop(name) for name in FIRST_ARGUMENT if name in keywords]
        if len(first) != 1:
            raise TypeError(f"a dictionary must hold exactly one of {', '.join(FIRST_ARGUMENT)}, got {sorted(made)}")
        return tuple(first), keywords
    if not isinstance(made, tuple):
        return (made,), {}
    if len(made) > 1 and isinstance(made[-1], dict):
        return made[:-1], made[-1]
    return made, {}
