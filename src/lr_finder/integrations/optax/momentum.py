"""What the state of an Optax optimizer tells about its kind and its momentum."""

from typing import Any

import jax
import jax.numpy as jnp
import optax


def known_momentum(state: Any) -> float | None:
    """0 where the state of an optimizer keeps no gradient from step to step; None where it may keep one."""
    return None if _may_keep_gradients(state) else 0.0


def known_name(state: Any) -> str | None:
    """What scales the steps, as its state is called: "Adam" for `optax.adamw`, "SGD" with momentum; None elsewhere."""

    def is_named(node: Any) -> bool:
        return type(node).__name__.startswith("ScaleBy") and type(node).__name__ != "ScaleByScheduleState"

    for node in jax.tree.leaves(state, is_leaf=lambda node: is_named(node) or isinstance(node, optax.TraceState)):
        if is_named(node):
            return type(node).__name__.removeprefix("ScaleBy").removesuffix("State")
        if isinstance(node, optax.TraceState):
            return "SGD"
    return None


def _may_keep_gradients(state: Any) -> bool:
    """Whether there is more in an optimizer's state than averages of squares and counts of steps."""
    averages_of_squares = (optax.ScaleByRmsState, optax.ScaleByRStdDevState)

    def is_known(node: Any) -> bool:
        return isinstance(node, (optax.MultiStepsState, optax.InjectStatefulHyperparamsState, *averages_of_squares))

    for node in jax.tree.leaves(state, is_leaf=is_known):
        if isinstance(node, optax.MultiStepsState):
            may_keep = _may_keep_gradients(node.inner_opt_state)
        elif isinstance(node, optax.InjectStatefulHyperparamsState):
            may_keep = _may_keep_gradients(node.inner_state)
        else:
            may_keep = not is_known(node) and jnp.issubdtype(jnp.result_type(node), jnp.inexact)
        if may_keep:
            return True
    return False
