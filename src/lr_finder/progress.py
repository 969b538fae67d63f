"""The progress bar of a search."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm.auto import tqdm


@contextmanager
def progress_bar(total: int, show: bool | None) -> Iterator["tqdm[Any]"]:
    """A bar over `total` optimizer steps that is gone once the search ends, however it ends.

    Args:
        total: Steps planned.
        show: True or False; None shows it on a terminal or in a notebook and not in a pipe.
    """
    bar = tqdm(total=total, desc="lr_find", unit="step", leave=False, disable=None if show is None else not show)
    try:
        yield bar
    finally:
        bar.close()
