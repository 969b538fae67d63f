"""A ramp over a JAX training: one compiled step with the rate as an argument, on copies of the user's arrays."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import optax
from jax.sharding import NamedSharding, PartitionSpec

from lr_finder.core.curve import Curve, Ramp
from lr_finder.core.range_test import RangeTest
from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions, search
from lr_finder.core.stopping import StopReason
from lr_finder.core.sweep import Sweep
from lr_finder.integrations.batches import Batches, DataEndedError
from lr_finder.integrations.optax_checks import check_factory, check_rate_is_used, check_unscheduled
from lr_finder.integrations.optax_momentum import known_momentum
from lr_finder.integrations.state import holding_state
from lr_finder.preserve import preserve
from lr_finder.progress import progress_bar

MakeOptimizer: TypeAlias = Callable[[Any], optax.GradientTransformation]
"""The optimizer for a rate, which may be a traced array."""

READ_EVERY = 8
"""Losses that wait before they are read: reading one waits for the steps that were dispatched."""

MOST_MICRO_STEPS = 1000
"""A training whose `optax.MultiSteps` has not updated after this many batches is taken to be wrong."""


@dataclass(frozen=True, eq=False)
class Training:
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
        check_factory(self.make_optimizer)
        if options.get("wd") is not None:
            raise ValueError("wd must be None with Optax: give the weight decay in make_optimizer")
        with progress_bar(progress) as bar:
            ramp = self._ramp(on_step=bar.update)
            return search(ramp, plan=bar.plan, **options)

    def _ramp(self, on_step: Callable[[], object]) -> Ramp:
        batches = Batches(self.batches, name="batches")
        # One compiled step for all ramps. What it donates are copies: the user's own arrays stay valid.
        compiled = jax.jit(self._step, donate_argnums=(0, 1))

        def ramp(sweep: Sweep) -> Curve:
            with preserve(*holding_state(self.batches)):
                batches.restart()
                run = _Run(self, compiled, batches, lr=float(sweep.lrs[0]))
                test = RangeTest.over(
                    self._validating(sweep, run), read=_read, read_every=READ_EVERY, momentum=run.momentum
                )
                try:
                    while not test.has_ended:
                        test.record(run.optimizer_step(test.lr))
                        on_step()
                except DataEndedError:
                    test.stop(StopReason.DATA_ENDED)
                except BaseException as error:
                    test.keep_partial(error)
                    raise
                return test.curve

        return ramp

    def _validating(self, sweep: Sweep, run: "_Run") -> Sweep:
        """The sweep, with the user's validation of what a run has trained."""
        validate = sweep.validate
        if validate is None:
            return sweep
        return replace(sweep, validate=lambda: validate(self.as_given(run.trained, run.carried)))

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
            # For transformations that search along the line, or react to a plateau.
            value=loss,
            grad=gradient,
            value_fn=lambda moved: self.objective(moved, carried, batch)[0],
        )
        return optax.apply_updates(trained, updates), state, carried_on, loss


class _Run:
    """A training from its start: copies of the arrays, with an optimizer that has taken no step."""

    def __init__(self, training: Training, compiled: Any, batches: Batches, lr: float):
        self._compiled = compiled
        self._batches = batches
        self.trained = _copy(training.trained)
        self._state: Any = _copy(training.make_optimizer(lr).init(self.trained))
        self.carried = training.carried
        self._has_started = False
        check_unscheduled(self._state)
        self.momentum = known_momentum(self._state)

    def optimizer_step(self, lr: float) -> jax.Array:
        """Trains until the optimizer updates; the mean loss of the batches that it took."""
        losses = []
        for _ in range(MOST_MICRO_STEPS):
            losses.append(self._micro_step(lr, self._batches.next()))
            # mini_step goes back to 0 with each update; other optimizers update on every batch.
            accumulates = isinstance(self._state, optax.MultiStepsState)
            if not accumulates or int(self._state.mini_step) == 0:
                return jnp.mean(jnp.stack(losses)) if len(losses) > 1 else losses[0]
        raise RuntimeError(f"optax.MultiSteps made no update in {MOST_MICRO_STEPS} batches")

    def _micro_step(self, lr: float, batch: Any) -> jax.Array:
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
        ValueError: It is no scalar.
    """
    value = loss[0] if isinstance(loss, tuple) else loss
    if jnp.shape(value) != ():
        raise ValueError(f"loss must return a scalar, got an array of shape {jnp.shape(value)}")
    return value


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
