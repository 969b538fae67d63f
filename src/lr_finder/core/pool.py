"""Several short trainings at once: the one thing that a search asks of a pool."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Pool(Protocol):
    """Calls a function for several items at once, as a `concurrent.futures.ThreadPoolExecutor` does."""

    def map(self, function: Callable[[Item], Outcome], items: Iterable[Item], /) -> Iterable[Outcome]:
        """What the function returned, in the order of the items."""
        ...


class OneAfterAnother:
    """No pool: each item is done when its outcome is asked for."""

    map = staticmethod(map)
