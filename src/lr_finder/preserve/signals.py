"""Signals held back while something must run to its end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_back_signals() -> Iterator[list[int]]:
    """Holds back every signal that Python code handles, Ctrl-C among them, and delivers it after the block.

    Yields the numbers of those that came; what the block takes off the list is not delivered. Python runs signal
    handlers in the main thread, so in any other there is nothing to hold back.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    holding = True
    handlers = {int(number): signal.getsignal(number) for number in signal.valid_signals()}
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}

    def hold_back(number: int, frame: FrameType | None) -> None:
        if holding:
            came.append(number)
        else:  # one came while the handlers below were being put back, and left this one in place
            handlers[number](number, frame)

    for number in handlers:
        signal.signal(number, hold_back)
    try:
        yield came
    finally:
        holding = False
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in dict.fromkeys(came):
            signal.raise_signal(number)
