"""JAX: a loss function of parameters, with an optimizer from Optax. Plain pytrees and Equinox modules."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.extras import extra

with extra("optax"):
    import jax
    import jax.numpy as jnp

    from lr_finder.integrations.optax.ramp import JaxTraining, MakeOptimizer, scalar

if TYPE_CHECKING:
    from typing_extensions import Unpack


def lr_find(
    loss: Callable[..., Any],
    params: Any,
    make_optimizer: MakeOptimizer,
    batches: Iterable[Any],
    *,
    key: jax.Array | None = None,
    progress: bool | None = None,
    **options: "Unpack[SearchOptions]",
) -> RangeTestResult:
    """Searches for the learning rate of a JAX training from the given parameters on; they are left alone.

    Args:
        loss: `loss(params, batch)`, a scalar or a tuple whose first item it is. It is compiled together with the
            optimizer's update, once for all rates.
        params: A pytree, such as nested dictionaries or an Equinox module. Its arrays of floating-point numbers are
            trained and all else is constant, as under `equinox.filter(params, equinox.is_inexact_array)`.
        make_optimizer: From a rate to an Optax optimizer: `optax.adamw`, or `lambda lr: optax.chain(...)`.
        batches: What the training goes through, again from the start where it is shorter than the search.
        key: A random key. The loss is then called as `loss(params, batch, key)`, with a key of its own in every step.
        progress: Whether to show a progress bar; None shows it on a terminal only.
        options: Those of every search: see `lr_finder.SearchOptions`. `validate` gets the trained parameters. Weight
            decay is given in `make_optimizer` and not as `wd`.

    Raises:
        ValueError: An argument breaks its rule; the text names it.
        TypeError: An argument is of the wrong kind.
    """
    trained, rebuild = _partition(params)

    def objective(trained: Any, key: Any, batch: Any) -> tuple[jax.Array, Any]:
        if key is None:
            return scalar(loss(rebuild(trained), batch)), None
        next_key, step_key = jax.random.split(key)
        return scalar(loss(rebuild(trained), batch, step_key)), next_key

    def as_given(trained: Any, _: Any) -> Any:
        return rebuild(trained)

    return JaxTraining(objective, trained, key, make_optimizer, batches, as_given).search(progress, options)


def _partition(params: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The trained part of a pytree, with None in place of all else, and the function that puts the rest back."""
    if hasattr(params, "params") and hasattr(params, "opt_state"):  # Flax's TrainState, or one that is built like it
        raise TypeError(
            f"params must be what is trained, got {_name(params)}, which has an optimizer too: state.params"
        )
    leaves, structure = jax.tree.flatten(params)
    if not any(_is_trained(leaf) for leaf in leaves):
        raise ValueError(f"params must hold at least one array of floating-point numbers, and {_name(params)} has none")
    for leaf in leaves:
        if isinstance(leaf, jax.Array) and leaf.is_deleted():
            raise ValueError("params must hold live arrays, and one was donated to an earlier step")

    def rebuild(trained: Any) -> Any:
        values = iter(jax.tree.leaves(trained))
        return structure.unflatten([next(values) if _is_trained(leaf) else leaf for leaf in leaves])

    return structure.unflatten([leaf if _is_trained(leaf) else None for leaf in leaves]), rebuild


def _is_trained(leaf: Any) -> bool:
    return isinstance(leaf, (jax.Array, np.ndarray)) and jnp.issubdtype(leaf.dtype, jnp.inexact)


def _name(params: Any) -> str:
    return type(params).__name__
