"""`lr_find(make, pool=...)`: the same search, every ramp of it in a worker, the first probes side by side."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from lr_finder.core.ramp import Ramp, Validate
from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.curve.curve import Curve
from lr_finder.curve.sweep import Sweep
from lr_finder.integrations.keywords import check_keywords
from lr_finder.integrations.search import OnStep, search_in_pool
from lr_finder.kinds import kind_of
from lr_finder.making import EXAMPLE, check_takes_nothing
from lr_finder.pool.executor import ExecutorPool
from lr_finder.pool.orders import Order, Recipe
from lr_finder.pool.processes import ProcessPool
from lr_finder.pool.surroundings import Surroundings
from lr_finder.pool.workers import AnyPool, PoolOfWorkers, Workers

if TYPE_CHECKING:
    from typing_extensions import Unpack

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def lr_find(
    make: Callable[[], Any],
    /,
    *arguments: Any,
    pool: AnyPool,
    progress: bool | None = None,
    **options: "Unpack[SearchOptions]",
) -> RangeTestResult:
    """Searches in other processes, with probes side by side; the result is that of `lr_find(*make(), ...)`, bit by bit.

    Args:
        make: Makes the training anew: a function without arguments that returns what `lr_find` takes, as one thing, a
            tuple, which may end in a dictionary of keywords, or a dictionary. A `validate` is one of these.
        arguments: None; they would be part of the training.
        pool: "processes" of this machine, a `ProcessPool` of so many, any `Executor` of processes; "ray" for a cluster,
            or a `lr_finder.pool.ray.RayPool` that says what a training needs.
        progress: Whether to show a progress bar; None shows it on a terminal only.
        options: Those of every search: see `lr_finder.SearchOptions`.

    Raises:
        ValueError: An argument breaks its rule; the text names it.
        TypeError: An argument is of the wrong kind.
        RuntimeError: A worker died again and again.
    """
    _check(make, arguments, options)
    workers_of = _described(pool)
    recipe = Recipe(workers_of.pickled(make), Surroundings.here(), dict(options))
    with workers_of.open(recipe) as workers:

        def make_ramp(on_step: OnStep) -> Ramp:
            def ramp(sweep: Sweep, validate: Validate | None = None) -> Curve:
                return workers.ramp(Order(sweep, validate is not None), on_step)

            return ramp

        return search_in_pool(SideBySide(workers, str(workers_of)), make_ramp, progress, **workers.options())


@dataclass(frozen=True)
class SideBySide:
    """A thread for each item, which waits for a worker.

    Args:
        workers: What the function waits for.
        name: How it is written in the record of the search.
    """

    workers: Workers
    name: str

    def __str__(self) -> str:
        return self.name

    def map(self, function: Callable[[Item], Outcome], items: Iterable[Item], /) -> list[Outcome]:
        """What the function returned for each item; the first exception ends all."""
        items = list(items)
        with ThreadPoolExecutor(len(items)) as threads:
            futures = [threads.submit(function, item) for item in items]
            try:
                for future in as_completed(futures):
                    future.result()
            except BaseException:  # a Ctrl-C too: the threads would wait for what is under way
                self.workers.cancel()
                raise
        return [future.result() for future in futures]


def _check(make: Any, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> None:
    """Refuses what is no function that makes a training, and what would have to come from it."""
    if arguments or isinstance(make, type) or not callable(make) or kind_of(make) is not None:
        given = ", ".join(type(thing).__name__ for thing in (make, *arguments))
        raise TypeError(
            f"pool needs a function that makes the training in each process, and nothing else, got {given}: "
            f'def make(): ...; {EXAMPLE}, and then lr_find(make, pool="processes", probes=5)'
        )
    check_takes_nothing(make, "make")
    if options.get("validate") is not None:
        raise TypeError(f'validate must come with what it looks at: let make() {EXAMPLE}, {{"validate": validate}}')
    check_keywords(options)


def _described(pool: Any) -> PoolOfWorkers:
    if pool == "processes":
        return ProcessPool()
    if pool == "ray":
        return import_module("lr_finder.pool.ray").RayPool()
    if hasattr(pool, "pickled"):
        return pool
    if isinstance(pool, Executor):
        return ExecutorPool(pool)
    raise TypeError(f'pool must be "processes", "ray", a ProcessPool, a RayPool or an Executor, got {pool!r}')
