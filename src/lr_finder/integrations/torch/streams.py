"""Streams of batches that end together."""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any


class EvenStream(Iterator[Any]):
    """An iterator that ends in every process where it ends in one.

    It is looked ahead, so that the processes can agree how far all of them get; they do so whenever they read losses.

    Args:
        source: The iterator.
        window: How many batches to look ahead; twice as many where they are too few from one agreement to the next.
        agree: Has the processes agree, and tells `allow`.
    """

    def __init__(self, source: Iterator[Any], window: int, agree: Callable[[], object]):
        self._source = source
        self._first_window = window
        self._window = 0
        self._agree = agree
        self._ahead: deque[Any] = deque()
        self._allowed = 0

    def look_ahead(self) -> int:
        """How many batches this process has at hand."""
        self._ahead.extend(islice(self._source, self._window - len(self._ahead)))
        return len(self._ahead)

    def allow(self, count: int) -> None:
        """Says how many batches all processes have at hand."""
        self._allowed = count

    def __next__(self) -> Any:
        if not self._allowed:
            self._window = 2 * self._window or self._first_window
            self._agree()
        if not self._allowed:
            raise StopIteration
        self._allowed -= 1
        return self._ahead.popleft()
