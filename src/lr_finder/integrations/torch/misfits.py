"""What to say of a batch that the model does not take: what it was taken for, and the line to write."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch


def add_note(error: Exception, text: str) -> None:
    """Adds a sentence to an error, which keeps its kind and its place; not where a device has no memory left."""
    if hasattr(error, "add_note") and not isinstance(error, torch.OutOfMemoryError):  # Python 3.11
        error.add_note(text)  # pyright: ignore[reportAttributeAccessIssue]


def taken_for_another(batch: Any, *, has_loss_fn: bool) -> str:
    """The batch in words, what was tried with it, and how to say otherwise."""
    if isinstance(batch, Mapping):
        keys = list(batch.keys())  # the items of a TensorDict are its rows
        in_words, arguments, target = f"a mapping with {_some(map(repr, keys))}", "**batch", "batch"
    else:
        keys = list(range(len(batch)))
        in_words, arguments, target = f"({_some(type(item).__name__ for item in batch)})", "*batch[:-1]", "batch[-1]"
    if has_loss_fn:
        tried = f"loss_fn(model({arguments}), {target})"
    else:
        tried = f"model({arguments.removesuffix('[:-1]')}), which returns its loss"
    loss = _example(keys) if has_loss_fn and keys != [0, 1] else "..."
    return f"The batch, {in_words}, was taken for {tried}; {line_for(loss)}"


def line_for(loss: str = "...") -> str:
    """The line for batches of any other kind."""
    return f"for any other kind: lr_find(model, optimizer, batch_loss=lambda model, batch: {loss}, train_loader=loader)"


def _example(keys: list[Any]) -> str:
    """What the loss of such a batch may look like: the input comes first as a rule, and what it is for after it."""
    if not 2 <= len(keys) <= 4:
        return "..."
    inputs, *targets = (f'batch["{key}"]' if isinstance(key, str) else f"batch[{key!r}]" for key in keys)
    return f"loss_fn(model({inputs}), {', '.join(targets)})"


def _some(names: Iterable[str], most: int = 6) -> str:
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
