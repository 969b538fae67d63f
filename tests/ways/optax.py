"""JAX with Optax, and Flax NNX, on the quadratic."""

from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from lr_finder import lr_find
from quadratic import CURVATURE, FIRST_WEIGHT, Run, run
from ways.plain_torch import Fault

SINGLE_PRECISION = 1e-6


class Factors:
    """Batches that hold the factor on the loss: a compiled step can't call back."""

    def __init__(self, fault: Fault):
        self.fault = fault

    def __iter__(self) -> Iterator[np.float32]:
        while True:
            yield np.float32(self.fault())


def is_first(weight: Any) -> Callable[[], None]:
    """Checks that a weight is live and has the value that it had at first."""

    def check() -> None:
        assert weight.item() == FIRST_WEIGHT

    return check


def optax_params(fault: Fault, **bounds: Any) -> Run:
    params = {"weight": jnp.array(FIRST_WEIGHT)}

    def loss(params: dict[str, Any], factor: Any) -> Any:
        return 0.5 * CURVATURE * params["weight"] ** 2 * factor

    untouched = is_first(params["weight"])
    return run(lambda: lr_find(loss, params, optax.sgd, Factors(fault), **bounds), untouched, SINGLE_PRECISION)


class QuadraticModel(nnx.Module):
    """The model whose output is the loss."""

    def __init__(self):
        self.weight = nnx.Param(jnp.array(FIRST_WEIGHT))

    def __call__(self, factor: Any) -> Any:
        return 0.5 * CURVATURE * self.weight[...] ** 2 * factor


def flax_nnx(fault: Fault, **bounds: Any) -> Run:
    model = QuadraticModel()

    def loss(model: QuadraticModel, factor: Any) -> Any:
        return model(factor)

    untouched = is_first(model.weight[...])
    return run(lambda: lr_find(model, loss, optax.sgd, Factors(fault), **bounds), untouched, SINGLE_PRECISION)
