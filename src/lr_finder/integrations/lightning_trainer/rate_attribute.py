"""Where a LightningModule keeps its rate: an attribute, an entry of its hyperparameters, or something inside these."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch

USUAL = ("lr", "learning_rate")
"""Where a module usually keeps its rate."""

PART = re.compile(r"""\.?(?P<name>[^\W\d]\w*)|\[(?P<quote>["'])(?P<key>[^"']*)(?P=quote)\]|\[(?P<index>\d+)\]""")
"""One step of a path such as `hparams["optim"].groups[0].lr`."""


@dataclass(frozen=True)
class Place:
    """A place that holds a rate.

    Args:
        path: How it is written.
        holder: The object, mapping or list that has it.
        key: The name, key or index there.
    """

    path: str
    holder: Any
    key: Any

    def get(self) -> Any:
        """What is there."""
        return _look_up(self.holder, self.key)

    def set(self, rate: Any) -> None:
        """Puts a rate there; a tensor is filled, since a module keeps its buffers."""
        held = self.get()
        if isinstance(held, torch.Tensor) and isinstance(rate, Real):
            held.data.fill_(float(rate))
        elif _is_entry(self.holder, self.key):
            self.holder[self.key] = rate
        else:
            setattr(self.holder, self.key, rate)


def parts_of(path: str) -> list[Any]:
    """The names, keys and indices in a path.

    Raises:
        TypeError: The path is no text.
        ValueError: It is not written as one.
    """
    if not isinstance(path, str):
        raise TypeError(f"attribute must be the name of an attribute, got {path!r}")
    parts, end = [], 0
    while match := PART.match(path, end):
        name, _, key, index = match.groups()
        parts.append(int(index) if index is not None else name if key is None else key)
        end = match.end()
    if end < len(path) or not parts or path.startswith("."):
        raise ValueError(f"attribute must be a name such as 'lr' or 'hparams[\"optim\"].lr', got {path!r}")
    return parts


def places(module: Any, attribute: str | None) -> list[Place]:
    """The places in a module, and in its `hparams`, that an attribute names; where it is left out, the usual ones.

    Raises:
        ValueError: There is none, or it can't be set.
    """
    if attribute is None:
        return [place for name in USUAL for place in _find(module, name) if _obstacle(place) is None]
    found = _find(module, attribute)
    if not found:
        raise ValueError(
            f"attribute must name where {type(module).__name__} keeps its rate, got {attribute!r}"
            f"{_meant(module, attribute)}"
        )
    settable = [place for place in found if _obstacle(place) is None]
    if not settable:
        raise ValueError(f"attribute must name a rate that can be set, got {found[0].path!r}: {_obstacle(found[0])}")
    return settable


def _find(module: Any, path: str) -> list[Place]:
    parts = parts_of(path)
    roots = {path: module}
    if parts[0] != "hparams":
        roots[f"hparams.{path}"] = getattr(module, "hparams", {})
    return [Place(whole, holder, parts[-1]) for whole, root in roots.items() for holder in _holder(root, parts)]


def _holder(root: Any, parts: Sequence[Any]) -> Iterator[Any]:
    """What holds the last part of a path, if there is such a path."""
    holder = root
    for part in parts[:-1]:
        if not _has(holder, part):
            return
        holder = _look_up(holder, part)
    if _has(holder, parts[-1]):
        yield holder


def _is_entry(holder: Any, key: Any) -> bool:
    if isinstance(holder, Mapping):
        return key in holder
    return isinstance(key, int) and isinstance(holder, Sequence) and key < len(holder)


def _has(holder: Any, key: Any) -> bool:
    return _is_entry(holder, key) or (isinstance(key, str) and hasattr(holder, key))


def _look_up(holder: Any, key: Any) -> Any:
    return holder[key] if _is_entry(holder, key) else getattr(holder, key)


def _is_rate(value: Any) -> bool:
    """Whether it is a number, or None, which waits for one."""
    if isinstance(value, torch.Tensor):
        return value.numel() == 1
    return value is None or (isinstance(value, Real) and not isinstance(value, bool))


def _obstacle(place: Place) -> str | None:
    """What is in the way of a rate; None where what is there can be written, as it is, to its place."""
    held = place.get()
    if not _is_rate(held):
        return f"it is of type {type(held).__name__}, and no number"
    try:
        place.set(held)
    except Exception as error:  # noqa: BLE001  of a frozen class, a property, or a read-only configuration of any kind
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return None


def _meant(module: Any, attribute: str) -> str:
    """The names that are near the one given."""
    own = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    rates = [*_rates_in(own, ""), *_rates_in(getattr(module, "hparams", {}), "hparams.")]
    by_name = {rate.removeprefix("hparams."): rate for rate in reversed(rates)}
    close = difflib.get_close_matches(attribute.removeprefix("hparams."), by_name, n=2)
    if close:
        return f"; is {' or '.join(repr(by_name[name]) for name in close)} meant?"
    return f"; it has {', '.join(rates[:10])}" if rates else "; it has no attribute that holds a number"


def _rates_in(holder: Mapping[Any, Any], prefix: str) -> Iterator[str]:
    for key, value in holder.items():
        if _is_rate(value):
            yield f"{prefix}{key}"
        elif isinstance(value, Mapping) or (hasattr(value, "__dict__") and hasattr(value, "__dataclass_fields__")):
            yield from _rates_in(value if isinstance(value, Mapping) else vars(value), f"{prefix}{key}.")
