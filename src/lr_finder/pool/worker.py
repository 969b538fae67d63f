"""What runs in a worker: it makes the training as the user would, and then ramps as they are asked for."""

import pickle
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from lr_finder.core.ramp import Ramp, ValidatingRamp
from lr_finder.core.search import SearchOptions
from lr_finder.curve.sweep import Sweep
from lr_finder.errors import WorkerTracebackError
from lr_finder.find import lr_find
from lr_finder.integrations.search import OnStep, serving
from lr_finder.making import arguments_of
from lr_finder.pool.surroundings import Surroundings


@dataclass(frozen=True)
class Recipe:
    """All that it takes to make the same training in another process.

    Args:
        make: The user's function, pickled.
        surroundings: Those in which it is called.
        options: What `lr_find` was given beside the training.
    """

    make: bytes
    surroundings: Surroundings
    options: dict[str, Any]


class Order(NamedTuple):
    """A ramp that is asked for.

    Args:
        sweep: Its rates.
        validates: Whether it ends with the user's validation loss.
    """

    sweep: Sweep
    validates: bool

    def __str__(self) -> str:
        start, end = self.sweep.lrs[[0, -1]]
        return f"the training at {start:.3g}" if start == end else f"the ramp from {start:.3g} to {end:.3g}"


class InWorker:
    """Stands for the user's `validate`, which is where the training is."""

    def __init__(self, name: str):
        self.__name__ = name

    def __call__(self) -> None:
        """Never called: an order says whether to validate."""
        raise NotImplementedError


def work(
    recipe: Recipe, orders: Iterable[Order], answer: Callable[[Any], object], on_step: OnStep = lambda: None
) -> None:
    """Makes the training; answers first with the options of its search, then with the curve of each order.

    Args:
        recipe: What to make.
        orders: The ramps to make, each from the same start.
        answer: Takes each answer.
        on_step: Called after each optimizer step.
    """
    make = _loaded(recipe.make)
    recipe.surroundings.take_on()  # only then: importing JAX draws numbers from NumPy's generator
    arguments, keywords = arguments_of(make())

    def serve(make_ramp: Callable[[OnStep], Ramp], options: SearchOptions) -> None:
        validate = options.get("validate")
        if validate is not None:
            options = {**options, "validate": InWorker(getattr(validate, "__name__", "validate"))}
        answer(options)
        ramp = cast(ValidatingRamp, make_ramp(on_step))
        for sweep, validates in orders:
            answer(ramp(sweep, validate) if validates else ramp(sweep))

    with serving(serve):
        if lr_find(*arguments, **{**keywords, **recipe.options}) is not None:
            raise TypeError(f"{type(arguments[0]).__name__} has no probes, which is what a pool is for")


def work_once(recipe: Recipe, order: Order | None) -> Any:
    """Makes the training for one order.

    Returns:
        Its curve, or without one the options of the search; what was raised as a `Failure`.
    """
    answers: list[Any] = []
    try:
        work(recipe, [] if order is None else [order], answers.append)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is raised where the search is
        return Failure.of(error)
    return answers[-1]


def pickled(make: Callable[[], Any]) -> bytes:
    """A function as another process can import it.

    Raises:
        TypeError: It can't.
    """
    try:
        return pickle.dumps(make)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            f"make must be a function at the top level of a file, which other processes can import: {error}"
        ) from None


def _loaded(make: bytes) -> Callable[[], Any]:
    try:
        return pickle.loads(make)
    except (AttributeError, ImportError) as error:
        raise TypeError(
            f"make must be a function that other processes can import: {error}. Move it into a file, train.py, and "
            "take it from there: from train import make"
        ) from error


@dataclass(frozen=True)
class Failure:
    """What was raised in a worker, as it can be sent.

    Args:
        error: The exception, pickled.
        trace: Its traceback, as text.
        module: That of the line that raised it.
    """

    error: bytes
    trace: str
    module: str

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """What was raised; by its name and text where it can't be pickled."""
        try:
            pickled = pickle.dumps(error)
        except Exception:  # noqa: BLE001 - whatever the user's exception holds
            pickled = b""
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        return cls(pickled, "".join(traceback.format_exception(error)), frame.f_globals.get("__name__", ""))

    def again(self) -> BaseException:
        """The exception, to be raised here, with the traceback that it had there as its cause."""
        try:
            error = pickle.loads(self.error)
        except Exception:  # noqa: BLE001 - one that takes other arguments than it keeps, or is known there alone
            error = RuntimeError(self.trace.rstrip().splitlines()[-1])
        error.__cause__ = WorkerTracebackError(self.trace, self.module)
        return error
