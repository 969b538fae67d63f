"""What an optimizer factory must do for the search to set its rates, checked before the first step."""

from typing import Any

import jax
import optax
from jax.extend.core import Literal


def check_factory(make_optimizer: Any, trained: Any) -> None:
    """Raises for anything that does not make an optimizer of the trained arrays from a traced rate.

    Raises:
        TypeError: It makes none, or looks at the rate.
        ValueError: It makes one with a schedule.
    """
    if not callable(make_optimizer):
        raise TypeError(
            "make_optimizer must be a function from the rate to an optimizer, such as optax.adamw or "
            f"lambda lr: optax.sgd(lr, momentum=0.9), got {type(make_optimizer).__name__}"
        )

    def make(lr: Any) -> Any:
        made = make_optimizer(lr)
        if not (hasattr(made, "init") and hasattr(made, "update")):
            raise TypeError(f"make_optimizer must return an Optax transformation, got {type(made).__name__}")
        return lr

    try:
        jax.eval_shape(make, 1e-3)
    except jax.errors.ConcretizationTypeError as error:
        # A schedule with a warm-up looks at its rates, too; what it is made into tells.
        made: Any = make_optimizer(1e-3)
        check_unscheduled(jax.eval_shape(made.init, trained))
        raise TypeError(
            "make_optimizer must not look at the value of the rate, which is traced so that one compiled step serves "
            "all rates: leave out float(lr) and conditions on lr"
        ) from error


def check_unscheduled(state: Any) -> None:
    """Raises ValueError where the state of an optimizer shows that a schedule would write the rate."""

    def is_scheduled(node: Any) -> bool:
        injected = isinstance(node, optax.InjectStatefulHyperparamsState)
        return isinstance(node, optax.ScaleByScheduleState) or (injected and "learning_rate" in node.hyperparams_states)

    if any(is_scheduled(node) for node in jax.tree.leaves(state, is_leaf=is_scheduled)):
        raise ValueError(
            "make_optimizer must use the rate that it is given at every step, and made a schedule; leave the schedule "
            'out for the search: lambda lr: optax.adamw(lr), and take result.schedule("cosine", total_steps).lr as its '
            "peak"
        )


def check_rate_is_used(compiled: Any, arguments: tuple[Any, ...], position: int) -> None:
    """Raises ValueError where the arrays that a step returns first don't depend on its rate.

    Args:
        compiled: The step, under `jax.jit`; it is traced here, once, and not again when it is called.
        arguments: Those of its first call.
        position: Which of them is the rate.
    """
    jaxpr = compiled.trace(*arguments).jaxpr.jaxpr
    rate = jaxpr.invars[len(jax.tree.leaves(arguments[:position]))]
    reached = {rate}
    for equation in jaxpr.eqns:
        if any(not isinstance(variable, Literal) and variable in reached for variable in equation.invars):
            reached.update(equation.outvars)
    trained = jaxpr.outvars[: len(jax.tree.leaves(arguments[0]))]
    if not any(not isinstance(variable, Literal) and variable in reached for variable in trained):
        raise ValueError(
            "make_optimizer must use the rate that it is given, and makes the same for every rate; an optimizer that "
            "finds its own step size has no rate to find"
        )
