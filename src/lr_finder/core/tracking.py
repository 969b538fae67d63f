"""Where a search is written to: a tracker itself, or those that a trainer has."""

from importlib import import_module
from typing import Any

from lr_finder.kinds import kind_of


def trackers_of(target: Any) -> list[Any]:
    """The trackers that a trainer has set up, through the integration for it; anything else is taken for a tracker."""
    kind = kind_of(target)
    find = getattr(import_module(kind.module), "trackers", None) if kind else None
    return [target] if find is None else find(target)
