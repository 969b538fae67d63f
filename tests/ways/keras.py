"""Keras, on the quadratic; on the torch backend where the environment names none."""

import os
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np

from lr_finder import lr_find
from quadratic import CURVATURE, FIRST_WEIGHT, Run, run
from ways.plain_torch import Fault

SINGLE_PRECISION = 1e-6


class Quadratic(keras.Layer):
    """Its output is the loss, times the factor that it is given."""

    def build(self, input_shape: Any) -> None:
        self.weight = self.add_weight(shape=(), initializer=keras.initializers.Constant(FIRST_WEIGHT))

    def call(self, factor: Any) -> Any:
        return 0.5 * CURVATURE * self.weight**2 * factor


def mean_output(target: Any, output: Any) -> Any:
    return keras.ops.mean(output)


def fitted(fault: Fault, **bounds: Any) -> Run:
    model = keras.Sequential([keras.Input((1,)), Quadratic()])
    model.compile(keras.optimizers.SGD(0.01), mean_output)

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        while True:
            yield np.full((1, 1), fault(), np.float32), np.zeros((1, 1), np.float32)

    def check_untouched() -> None:
        (weight,) = model.trainable_variables
        assert float(keras.ops.stop_gradient(weight.value)) == FIRST_WEIGHT
        assert float(model.optimizer.learning_rate) == np.float32(0.01)
        assert int(model.optimizer.iterations) == 0
        assert not model.optimizer.built

    return run(lambda: lr_find(model, batches(), **bounds), check_untouched, SINGLE_PRECISION)
