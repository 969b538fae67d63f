"""Attributes of objects: those in the dictionary of the object, and those in slots that its class names."""

from types import MemberDescriptorType
from typing import Any

from lr_finder.preserve.snapshot import Snapshot


def save_attributes(thing: Any, snapshot: Snapshot) -> None:
    """Saves an object by its attributes, for kinds that keep all their state there."""
    if hasattr(thing, "__dict__"):
        snapshot.add(vars(thing))
    if slots(thing):
        _save_slots(thing, snapshot)


def attributes(thing: Any) -> list[Any]:
    """The values of the attributes."""
    return [*getattr(thing, "__dict__", {}).values(), *_filled(thing).values()]


def slots(thing: Any) -> list[MemberDescriptorType]:
    """The slots of an object, from all classes with `__slots__` that it builds on."""
    kinds = [vars(kind) for kind in type(thing).__mro__ if "__slots__" in vars(kind)]
    return [member for kind in kinds for member in kind.values() if isinstance(member, MemberDescriptorType)]


def _save_slots(thing: Any, snapshot: Snapshot) -> None:
    before = _filled(thing)
    for value in before.values():
        snapshot.add(value)

    def restore() -> None:
        for slot in _filled(thing).keys() - before.keys():
            slot.__delete__(thing)
        for slot, value in before.items():
            slot.__set__(thing, value)  # also in a frozen dataclass

    snapshot.on_restore(restore)


def _filled(thing: Any) -> dict[MemberDescriptorType, Any]:
    """The values of those slots that have one."""
    return {slot: slot.__get__(thing) for slot in slots(thing) if hasattr(thing, slot.__name__)}
