"""The optimizers of a Keras model."""

from typing import Any

import keras


def optimizers_of(model: keras.Model) -> dict[str, Any]:
    """The optimizers of a model by their names: the one that it is compiled with, and its other attributes.

    Raises:
        TypeError: `model` is no Keras model.
        ValueError: `model` is not compiled.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a keras.Model, got {type(model).__name__}")
    if not model.compiled or model.optimizer is None:
        raise ValueError("model must be compiled with an optimizer: model.compile(optimizer, loss)")
    named = {"optimizer": model.optimizer} | vars(model)
    found = {id(value): name for name, value in named.items() if isinstance(value, keras.optimizers.Optimizer)}
    return {name: named[name] for name in found.values()}


def inner(optimizer: Any) -> Any:
    """The optimizer itself, also under a LossScaleOptimizer."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def check_takes_rate(optimizer: Any) -> None:
    """Raises where the rate is a schedule or a function, which take none from outside.

    Raises:
        TypeError: It is.
    """
    rate = inner(optimizer)._learning_rate
    if not isinstance(rate, keras.Variable):
        kind = getattr(rate, "__name__", type(rate).__name__)
        raise TypeError(
            f"the rate of {type(inner(optimizer)).__name__} is a schedule, {kind}, which takes none from outside: "
            "compile the model again with the schedule on the rate that lr_find(model, ...) suggests"
        )
