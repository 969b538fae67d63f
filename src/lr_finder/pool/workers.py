"""What a pool is asked for, whatever it is made of."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Executor
from types import TracebackType
from typing import Any, Literal, Protocol, TypeAlias

from lr_finder.core.search import SearchOptions
from lr_finder.curve.curve import Curve
from lr_finder.integrations.search import OnStep
from lr_finder.pool.orders import Failure, Order, Recipe


class Workers(Protocol):
    """What trains elsewhere, until the end of its block. Each call waits for its answer, in whatever thread."""

    def options(self) -> SearchOptions:
        """Those of the search, as the training that was made and what was given have them."""
        ...

    def ramp(self, order: Order, on_step: OnStep) -> Curve:
        """Has a ramp made."""
        ...

    def cancel(self) -> None:
        """Ends what is under way."""
        ...

    def __enter__(self) -> "Workers": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class AnewForEach(ABC):
    """Workers that keep nothing: the training is made anew for each ramp."""

    @abstractmethod
    def call(self, order: Order | None) -> Any:
        """What `work_once` returns for an order."""

    def options(self) -> SearchOptions:
        """Those of the search."""
        return self._answer(None)

    def ramp(self, order: Order, on_step: OnStep) -> Curve:
        """Has a ramp made; its steps are told when it is."""
        curve = self._answer(order)
        for _ in range(len(curve)):
            on_step()
        return curve

    def _answer(self, order: Order | None) -> Any:
        answer = self.call(order)
        if isinstance(answer, Failure):
            raise answer.again()
        return answer


class PoolOfWorkers(Protocol):
    """Where workers come from."""

    def pickled(self, make: Callable[[], Any]) -> bytes:
        """The user's function as its workers can have it."""
        ...

    def open(self, recipe: Recipe) -> Workers:
        """Workers that make the training."""
        ...


AnyPool: TypeAlias = Literal["processes", "ray"] | PoolOfWorkers | Executor
"""What `lr_find(make, pool=...)` takes."""
