"""A rate that was found, set in a Keras model or its optimizers."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from lr_finder.curve.parameter_groups import check_rate
from lr_finder.curve.sweep import group_ratios
from lr_finder.integrations.keras.optimizers import check_takes_rate, inner, optimizers_of

Target = keras.Model | keras.optimizers.Optimizer | Sequence[Any] | Mapping[str, Any]


def apply(target: Target, lr: float) -> list[tuple[float, float]]:
    """Sets the rate of a model's optimizer, or of optimizers, which keep their ratios to the largest rate.

    Returns:
        The old and the new rate of each optimizer.

    Raises:
        TypeError: A rate is a schedule, which takes none from outside, or a model holds several optimizers.
    """
    optimizers = [inner(optimizer) for optimizer in _optimizers_in(target)]
    for optimizer in optimizers:
        check_takes_rate(optimizer)
    old = [float(optimizer.learning_rate) for optimizer in optimizers]
    for optimizer, rate in zip(optimizers, lr * group_ratios(old), strict=True):
        optimizer.learning_rate = float(rate)
    new = [float(optimizer.learning_rate) for optimizer in optimizers]
    check_rate(max(new), lr)
    return list(zip(old, new, strict=True))


def _optimizers_in(target: Target) -> list[Any]:
    if isinstance(target, Mapping):
        return list(target.values())
    if isinstance(target, Sequence):
        return list(target)
    if isinstance(target, keras.optimizers.Optimizer):
        return [target]
    optimizers = optimizers_of(target)
    if len(optimizers) > 1:
        names = ", ".join(f"model.{name}" for name in optimizers)
        raise TypeError(f"the model holds several optimizers ({names}): give apply() a list of those that train")
    return list(optimizers.values())
