"""Keras: variables on any backend, and the attributes of layers, optimizers, metrics and losses.

What a first fit builds is an attribute too, so a model that was never fitted is one again afterwards.
"""

from typing import Any

import keras
import numpy as np
from keras.src.utils.tracking import TrackedDict, TrackedList, TrackedSet, Tracker

from lr_finder.preserve.attributes import save_attributes
from lr_finder.preserve.snapshot import Snapshot, save


@save.register
def _save_variable(variable: keras.Variable, snapshot: Snapshot) -> None:
    if keras.backend.backend() == "torch":
        save_attributes(variable, snapshot)  # the tensor in place, its gradient with it
        return
    saved = np.array(
        keras.ops.convert_to_numpy(variable.value)
    )  # a copy: a compiled step on JAX is given the array itself, to overwrite

    def restore() -> None:
        variable.assign(saved)

    snapshot.on_restore(restore)


@save.register(keras.Layer)
@save.register(keras.optimizers.Optimizer)
@save.register(keras.metrics.Metric)
@save.register(keras.losses.Loss)
@save.register(keras.random.SeedGenerator)
@save.register(Tracker)
def _save_attributes(thing: Any, snapshot: Snapshot) -> None:
    save_attributes(thing, snapshot)


# The methods of the tracked collections would tell the tracker, which is put back by itself and may be locked.


@save.register
def _save_tracked_list(values: TrackedList, snapshot: Snapshot) -> None:
    saved = list(values)
    for value in saved:
        snapshot.add(value)
    snapshot.on_restore(lambda: list.__setitem__(values, slice(None), saved))


@save.register
def _save_tracked_dict(values: TrackedDict, snapshot: Snapshot) -> None:
    saved = dict(values)
    for value in saved.values():
        snapshot.add(value)

    def restore() -> None:
        dict.clear(values)
        dict.update(values, saved)

    snapshot.on_restore(restore)


@save.register
def _save_tracked_set(values: TrackedSet, snapshot: Snapshot) -> None:
    saved = set(values)
    for value in saved:
        snapshot.add(value)

    def restore() -> None:
        set.clear(values)
        set.update(values, saved)

    snapshot.on_restore(restore)
