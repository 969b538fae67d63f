"""What every integration ends in: a search that shows its progress."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

from lr_finder.core.pool import Pool
from lr_finder.core.ramp import Ramp
from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions, search
from lr_finder.integrations.keywords import check_keywords
from lr_finder.progress import is_notebook, progress_bar

if TYPE_CHECKING:
    from typing_extensions import Unpack

OnStep: TypeAlias = Callable[[], object]
"""Called after each optimizer step; a ramp gives it to its `RangeTest`."""

ENOUGH_EPOCHS = 10**9
"""For a framework that owns the loop: a callback ends the fit with the sweep, and the data may be short as a batch."""


Serve: TypeAlias = Callable[[Callable[[OnStep], Ramp], SearchOptions], Any]
"""What a worker of a pool does with a training, in place of a search."""

_serve: ContextVar[Serve | None] = ContextVar("serve", default=None)


@contextmanager
def serving(serve: Serve) -> Iterator[None]:
    """Inside the block a training that is to be searched is handed over to a worker instead, with its options."""
    token = _serve.set(serve)
    try:
        yield
    finally:
        _serve.reset(token)


def search_with_bar(
    make_ramp: Callable[[OnStep], Ramp], progress: bool | None, **options: "Unpack[SearchOptions]"
) -> RangeTestResult:
    """Searches, with a progress bar that moves with every optimizer step.

    Args:
        make_ramp: From what is to be called after each step to the ramp.
        progress: Whether to show the bar; None shows it on a terminal only.
        options: Those of every search.

    Raises:
        TypeError: There is no such option; the text names the one that was meant.
    """
    check_keywords(options)
    if (serve := _serve.get()) is not None:
        return serve(make_ramp, options)
    return search_in_pool(None, make_ramp, progress, **options)


def search_in_pool(
    pool: Pool | None,
    make_ramp: Callable[[OnStep], Ramp],
    progress: bool | None,
    **options: "Unpack[SearchOptions]",
) -> RangeTestResult:
    """The same, where a pool makes several ramps at once; `search_with_bar` says more."""
    with progress_bar(progress) as bar:
        try:
            return search(make_ramp(bar.update), pool=pool, plan=bar.plan, **options)
        except KeyboardInterrupt as interrupt:
            if is_notebook():
                _show_partial(interrupt)
            raise


def _show_partial(interrupt: KeyboardInterrupt) -> None:
    """Shows in a notebook what there was until a cell was stopped."""
    from IPython.display import display

    partial_result = getattr(interrupt, "partial_result", None)
    if partial_result is not None and len(partial_result.curve):
        display(partial_result)
