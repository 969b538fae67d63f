"""An executor of the user's own as a pool: it says where its workers are and what becomes of one that dies."""

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from lr_finder.pool.orders import Order, Recipe, pickled
from lr_finder.pool.worker import work_once
from lr_finder.pool.workers import AnewForEach


class ExecutorPool:
    """Any `concurrent.futures.Executor` whose workers are processes; it is not shut down.

    Args:
        executor: Each ramp is one call of it, which makes the training anew.
    """

    def __init__(self, executor: Executor):
        if isinstance(executor, ThreadPoolExecutor):
            raise TypeError("pool must train in processes: the threads of a ThreadPoolExecutor share random generators")
        self._executor = executor

    def __str__(self) -> str:
        return type(self._executor).__name__

    def pickled(self, make: Callable[[], Any]) -> bytes:
        """The user's function by its name."""
        return pickled(make)

    def open(self, recipe: Recipe) -> "Calls":
        """Its workers."""
        return Calls(self._executor, recipe)


class Calls(AnewForEach):
    """A call for each ramp.

    Args:
        executor: Makes them.
        recipe: What they make.
    """

    def __init__(self, executor: Executor, recipe: Recipe):
        self._executor = executor
        self._recipe = recipe
        self._futures: list[Future[Any]] = []

    def __enter__(self) -> "Calls":
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def cancel(self) -> None:
        """Calls that have not begun."""
        for future in self._futures:
            future.cancel()

    def call(self, order: Order | None) -> Any:
        """The answer to an order."""
        future = self._executor.submit(work_once, self._recipe, order)
        self._futures.append(future)
        return future.result()
