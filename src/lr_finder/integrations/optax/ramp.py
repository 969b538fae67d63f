"""A ramp over a JAX training: one compiled step with the rate as an argument, on copies of the user's arrays."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import NamedSharding, PartitionSpec

from lr_finder.core.ramp import Ramp, Validate
from lr_finder.core.range_test import READ_EVERY, RangeTest
from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.curve.curve import Curve
from lr_finder.curve.sweep import Sweep
from lr_finder.curve.training import Training
from lr_finder.integrations.batches import Batches, batch_size_of
from lr_finder.integrations.optax.batches import NUMBERS, as_arrays
from lr_finder.integrations.optax.checks import check_factory, check_rate_is_used, check_unscheduled
from lr_finder.integrations.optax.momentum import known_momentum, known_name
from lr_finder.integrations.search import OnStep, search_with_bar
from lr_finder.integrations.stateful import stateful
from lr_finder.preserve import preserve

MakeOptimizer: TypeAlias = Callable[[Any], optax.GradientTransformation]
"""The optimizer for a rate, which may be a traced array."""


@dataclass(frozen=True, eq=False, repr=False)  # errors of JAX hold the step, and with it what it belongs to
class JaxTraining:
    """A JAX training as a range test needs it. Nothing in it is changed, so there is nothing of it to put back.

    Args:
        objective: `objective(trained, carried, batch)` gives the loss and what the next step is to carry.
        trained: The arrays that the optimizer moves, a pytree.
        carried: What else changes from step to step, a pytree: a random key, running statistics.
        make_optimizer: The Optax transformation for a rate.
        batches: What training goes through.
        as_given: From `trained` and `carried`, parameters or a model as the user gave them.
    """

    objective: Callable[[Any, Any, Any], tuple[jax.Array, Any]]
    trained: Any
    carried: Any
    make_optimizer: MakeOptimizer
    batches: Iterable[Any]
    as_given: Callable[[Any, Any], Any]

    def search(
        self,
        progress: bool | None,
        options: SearchOptions,
    ) -> RangeTestResult:
        """Searches for the rate of this training.

        Args:
            progress: Whether to show a progress bar.
            options: Those of every search.
        """
        check_factory(self.make_optimizer, self.trained)
        if options.get("wd") is not None:
            raise ValueError("wd must be None with Optax: give the weight decay in make_optimizer")
        return search_with_bar(self._ramp, progress, **options)

    def _ramp(self, on_step: OnStep) -> Ramp:
        batches = Batches(self.batches, name="batches")
        batch_size = batch_size_of(self.batches)
        name = getattr(self.make_optimizer, "__name__", "<lambda>")
        # One compiled step for all ramps. What it donates are copies: the user's own arrays stay valid.
        compiled = jax.jit(self._step, donate_argnums=(0, 1))

        def ramp(sweep: Sweep, validate: Validate | None = None) -> Curve:
            with preserve(*stateful(self.batches)):
                batches.restart()
                run = _Run(self, compiled, lr=float(sweep.lrs[0]))
                test = RangeTest.over(
                    sweep,
                    read=_read,
                    read_every=READ_EVERY,
                    validate=None if validate is None else lambda: validate(self.as_given(run.trained, run.carried)),
                    momentum=run.momentum,
                    training=Training(run.optimizer or (None if name == "<lambda>" else name), batch_size=batch_size),
                    on_step=on_step,
                )
                with test:
                    while not test.has_ended:
                        test.add_batch(run.train_on(as_arrays(batches.next()), test.lr))
                        if run.has_stepped:
                            test.end_step()
                return test.curve

        return ramp

    def _step(self, trained: Any, state: Any, carried: Any, lr: Any, batch: Any) -> tuple[Any, Any, Any, jax.Array]:
        """One step at a rate; what it changed, and the loss before it."""
        optimizer = optax.with_extra_args_support(self.make_optimizer(lr))
        state = _aim(state, optimizer.init(trained))
        with_gradient = jax.value_and_grad(self.objective, has_aux=True)
        (loss, carried_on), gradient = with_gradient(trained, carried, batch)
        updates, state = optimizer.update(
            gradient,
            state,
            trained,
            **_extras(optimizer.update, lambda moved: self.objective(moved, carried, batch)[0], loss, gradient),
        )
        return optax.apply_updates(trained, updates), state, carried_on, loss


class _Run:
    """A training from its start: copies of the arrays, with an optimizer that has taken no step."""

    def __init__(self, training: JaxTraining, compiled: Any, lr: float):
        self._compiled = compiled
        self.trained = _copy(training.trained)
        self._state: Any = _copy(training.make_optimizer(lr).init(self.trained))
        self.carried = training.carried
        self._has_started = False
        check_unscheduled(self._state)
        self.momentum = known_momentum(self._state)
        self.optimizer = known_name(self._state)

    @property
    def has_stepped(self) -> bool:
        """Whether the optimizer updated on the last batch: always, but where `optax.MultiSteps` accumulates."""
        # mini_step goes back to 0 with each update.
        return all(int(jnp.asarray(state.mini_step)) == 0 for state in _accumulating(self._state))

    def train_on(self, batch: Any, lr: float) -> jax.Array:
        """Trains on a batch; its loss before that."""
        if not self._has_started:
            self._has_started = True
            start = _on_one_mesh((self.trained, self._state, self.carried), batch)
            check_rate_is_used(self._compiled, (*start, lr, batch), position=3)
            self.trained, self._state, self.carried = start
        arguments = (self.trained, self._state, self.carried, lr, batch)
        self.trained, self._state, self.carried, loss = self._compiled(*arguments)
        return loss


def scalar(loss: Any) -> jax.Array:
    """The loss that a user's loss function returned: a scalar, or a tuple whose first item is one.

    Raises:
        ValueError: It is an array of another shape.
        TypeError: It is no number.
    """
    value: Any = loss[0] if isinstance(loss, tuple) and loss else loss
    if not isinstance(value, (jax.Array, np.ndarray, np.generic, *NUMBERS)):
        raise TypeError(f"loss must return a scalar, or a tuple whose first item is one, got {type(value).__name__}")
    if jnp.shape(value) != ():
        raise ValueError(f"loss must return a scalar, got an array of shape {jnp.shape(value)}")
    return jnp.asarray(value)


def _extras(update: Any, objective: Callable[[Any], jax.Array], loss: jax.Array, gradient: Any) -> dict[str, Any]:
    """What transformations take beside the gradient: those that search along the line, react to a plateau, or SAM."""
    extras = {"value": loss, "grad": gradient, "value_fn": objective}
    taken = inspect.signature(update).parameters
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in taken.values()):
        return extras
    extras["grad_fn"] = lambda moved, _: jax.grad(objective)(moved)
    return {name: extra for name, extra in extras.items() if name in taken}


def _accumulating(state: Any) -> list[optax.MultiStepsState]:
    """The states of `optax.MultiSteps` in the state of an optimizer, which may be a chain."""

    def is_one(node: Any) -> bool:
        return isinstance(node, optax.MultiStepsState)

    return [node for node in jax.tree.leaves(state, is_leaf=is_one) if is_one(node)]


def _aim(state: Any, fresh: Any) -> Any:
    """The optimizer's state, with fresh hyperparameters where `optax.inject_hyperparams` keeps the rate in it."""

    def is_injected(node: Any) -> bool:
        return isinstance(node, optax.InjectStatefulHyperparamsState)

    def aim(old: Any, new: Any) -> Any:
        return old._replace(hyperparams=new.hyperparams) if is_injected(old) else old

    return jax.tree.map(aim, state, fresh, is_leaf=is_injected)


def _copy(tree: Any) -> Any:
    """Arrays of their own for every leaf, without the weak types that would make JAX trace the step a second time."""

    def copy(leaf: Any) -> jax.Array:
        array = jnp.asarray(leaf)
        return jnp.array(array, dtype=array.dtype, copy=True)

    return jax.tree.map(copy, tree)


def _on_one_mesh(tree: Any, batch: Any) -> Any:
    """The tree, with what nobody has placed, such as an optimizer's step count, spread over the mesh that is in use.

    The first step on a mesh leaves it so; the second step would otherwise be traced anew.
    """
    arrays = [leaf for leaf in jax.tree.leaves((tree, batch)) if isinstance(leaf, jax.Array)]
    mesh = next((array.sharding.mesh for array in arrays if isinstance(array.sharding, NamedSharding)), None)
    if mesh is None:
        return tree
    everywhere = NamedSharding(mesh, PartitionSpec())

    def place(leaf: Any) -> Any:
        return leaf if getattr(leaf, "committed", True) else jax.device_put(leaf, everywhere)

    return jax.tree.map(place, tree)


def _read(losses: Sequence[jax.Array]) -> list[float]:
    """Reads losses from their device in one go."""
    return [float(loss) for loss in jax.device_get(list(losses))]
