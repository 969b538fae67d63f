"""The progress of a search: a bar, and what is planned."""

import shutil
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that a notebook without ipywidgets gets a bar of characters
    from tqdm.auto import tqdm


def is_notebook() -> bool:
    """Whether this is the kernel of a notebook; its package may have been imported by anything."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def shown_once(show: bool | None, is_first: bool) -> bool | None:
    """Whether to show the progress in this one of several processes, which all have the same: in the first."""
    return show if is_first or show not in (None, True) else False


class Progress:
    """Shows the optimizer steps taken of those planned.

    Args:
        show: True or False; None shows the bar on a terminal or in a notebook and not in a pipe.

    Attributes:
        update: Says that one more step was taken, or so many.
    """

    def __init__(self, show: bool | None):
        if show is not None and not isinstance(show, bool):
            raise TypeError(f"progress must be True, False or None, got {show!r}")
        self._speaks = show is not False
        self._bar = tqdm(desc="lr_find", unit="step", leave=False, disable=None if show is None else not show)
        self.update = self._bar.update

    def plan(self, steps: int, why: str = "") -> None:
        """Says how many steps there will be in all; a reason is printed, unless `show` is False."""
        self._bar.total = steps
        self._bar.refresh()
        if why and self._speaks:
            say(why)

    def close(self) -> None:
        """Takes the bar away."""
        self._bar.close()


def say(text: str) -> None:
    """Prints a text to standard error, broken between words, clear of any progress bar; in a notebook as an output."""
    columns = shutil.get_terminal_size().columns
    lines = textwrap.fill(text, columns, break_long_words=False, break_on_hyphens=False)
    tqdm.write(lines, file=sys.stdout if is_notebook() else sys.stderr)  # a notebook shows the latter as an error


@contextmanager
def progress_bar(show: bool | None) -> Iterator[Progress]:
    """A bar that is gone once the search ends, however it ends."""
    progress = Progress(show)
    try:
        yield progress
    finally:
        with suppress(Exception):  # a bar that can't be taken away must not hide what the search ended with
            progress.close()
