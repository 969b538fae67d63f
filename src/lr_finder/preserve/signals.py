"""Signals held back while something must run to its end."""

import signal
import threading
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any


class SignalGate:
    """Stands before every signal handler written in Python, Ctrl-C's among them, and can be shut for a while.

    It is in place before it has to be shut, because putting it there takes time in which a signal could come: a
    launcher that stops its processes may send two within microseconds.

    Python runs signal handlers in the main thread; in any other there is nothing to hold back.

    Args:
        block: The context manager whose `__exit__` shuts the gate as the first thing that it does. Signals that come
            before it gets to do so are held back too.
    """

    def __init__(self, block: AbstractContextManager[Any]):
        self.is_shut = False
        self._block: AbstractContextManager[Any] | None = block
        self._came: list[int] = []
        self._handlers = {}

    def put_up(self) -> None:
        """Goes in place, open."""
        if threading.current_thread() is threading.main_thread():
            handlers = {number: signal.getsignal(number) for number in range(1, signal.NSIG)}
            self._handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
            for number in self._handlers:
                signal.signal(number, self._handle)

    def take_down(self, *, drop: int | None = None) -> None:
        """Puts the handlers back, opens for good, and delivers what was held back.

        Args:
            drop: The signal that need not be delivered.
        """
        try:
            for number in sorted(self._handlers, key=lambda number: number == signal.SIGINT):  # it comes most often
                if signal.getsignal(number) == self._handle:  # else the block put another there, which stays
                    signal.signal(number, self._handlers[number])
        finally:
            self._block, self.is_shut = None, False
        for number in dict.fromkeys(self._came):
            if number != drop:
                signal.raise_signal(number)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.is_shut or self._is_leaving(frame):
            self._came.append(number)
        else:
            self._handlers[number](number, frame)

    def _is_leaving(self, frame: FrameType | None) -> bool:
        """Whether the block's `__exit__` was called and has not come to shut the gate."""
        if self._block is None or frame is None or frame.f_code is not type(self._block).__exit__.__code__:
            return False
        return frame.f_locals["self"] is self._block
