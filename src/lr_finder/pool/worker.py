"""What runs in a worker: it makes the training as the user would, and then ramps as they are asked for."""

from collections.abc import Callable, Iterable
from typing import Any, cast

from lr_finder.core.ramp import Ramp, ValidatingRamp
from lr_finder.core.search import SearchOptions
from lr_finder.find import lr_find
from lr_finder.integrations.search import OnStep, serving
from lr_finder.making import arguments_of
from lr_finder.pool.orders import Failure, Order, Recipe, loaded


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
    make = loaded(recipe.make)
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
