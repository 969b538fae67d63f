"""The progress bar of a training, and the table of its epochs."""

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any

from tqdm.auto import tqdm


class Bar(tqdm):
    """One bar, with a comment beside it."""

    @property
    def comment(self) -> str:
        """What stands behind the bar; shown when the bar next moves."""
        return self.postfix or ""

    @comment.setter
    def comment(self, text: str) -> None:
        self.set_postfix_str(text, refresh=False)


class TrainingBar:
    """What hooks receive as `pbar`: a bar over epochs with one over batches below it, and a table on standard output.

    It is iterated over for the epochs, inside a `with` block that clears the bars away. The bars are drawn when
    iteration begins, so that `on_train_begin` can still change the attributes.

    Attributes:
        clean_on_interrupt: Whether the bars are cleared away too when the training is interrupted or fails; else
            they stay and show how far it came.
        show: Whether to show the bars; None shows them on a terminal only.
        show_table: Whether rows of the table are written.
        child: The bar over the batches of this epoch; None before the first.
    """

    def __init__(self, epochs: range, *, show: bool | None = None):
        self.clean_on_interrupt = False
        self.show = show
        self.show_table = True
        self.child: Bar | None = None
        self._epochs = epochs
        self._main: Bar | None = None
        self._widths: list[int] = []

    def __enter__(self) -> "TrainingBar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for bar in (self._main, self.child):
            if bar is not None:
                bar.leave = error is not None and not self.clean_on_interrupt
                bar.close()

    def __iter__(self) -> Iterator[int]:
        self._main = self._bar(len(self._epochs), "epoch")
        yield from _counted(self._epochs, self._main)

    def batches(self, batches: Iterable[Any], total: int) -> Iterator[Any]:
        """Batches, counted by a bar of their own below that of the epochs."""
        if self.child is not None:
            self.child.close()
        self.child = self._bar(total, "batch")
        return _counted(batches, self.child)

    def write(self, line: str | Sequence[str], table: bool = False) -> None:
        """Writes a line above the bars: text, or with `table` a row, of which the first holds the names."""
        if table:
            if not self.show_table:
                return
            self._widths = self._widths or [max(len(name), 8) for name in line]
            line = "  ".join(cell.ljust(width) for cell, width in zip(line, self._widths, strict=True))
        tqdm.write(str(line))

    def _bar(self, total: int, name: str) -> Bar:
        return Bar(total=total, desc=name, unit=name, leave=False, disable=None if self.show is None else not self.show)


def _counted(things: Iterable[Any], bar: Bar) -> Iterator[Any]:
    """The things, with the bar moved after each.

    A tqdm bar that is iterated over itself is closed when an exception leaves the loop, before it is known how.
    """
    for thing in things:
        yield thing
        bar.update()
