"""One ramp inside a Keras fit: the callback that sets the rate and records the loss, and puts the model back."""

import warnings
from contextlib import ExitStack
from functools import partial
from typing import Any, cast

import keras
from keras.src.backend.common.global_state import GLOBAL_STATE_TRACKER

import lr_finder.preserve.keras_objects  # noqa: F401  registers the kinds of Keras
from lr_finder.core.ramp import Validate
from lr_finder.core.range_test import RangeTest
from lr_finder.curve.curve import Curve
from lr_finder.curve.parameter_groups import largest_momentum
from lr_finder.curve.stopping import StopReason
from lr_finder.curve.sweep import Sweep
from lr_finder.curve.training import Setting, Training, settings_of
from lr_finder.integrations.keras.optimizers import inner, optimizers_of
from lr_finder.integrations.keras.schedules import horizon_of
from lr_finder.integrations.search import OnStep
from lr_finder.preserve import preserve


class SweepCallback(keras.callbacks.Callback):
    """Takes a fit through one sweep, and ends it; after the block the model is as before.

        with SweepCallback(model, sweep) as callback:
            model.fit(x, y, epochs=1000, callbacks=[callback])
        callback.curve

    Args:
        model: The compiled model.
        sweep: Which rates, and how many steps.
        on_step: Called after each optimizer step.
        validate: Gives a validation loss after the last step.
        batch_size: Samples per optimizer step, for the record.

    Raises:
        TypeError: `model` is no Keras model.
        ValueError: `model` is not compiled.
    """

    def __init__(
        self,
        model: keras.Model,
        sweep: Sweep,
        on_step: OnStep = lambda: None,
        validate: Validate | None = None,
        batch_size: int | None = None,
    ):
        super().__init__()
        optimizers_of(model)
        self._swept = model
        self._wd = sweep.wd
        optimizer = inner(model.optimizer)
        self._test = RangeTest.over(
            sweep,
            validate=validate,
            momentum=_momentum(optimizer),
            training=Training(
                type(optimizer).__name__, (_settings(optimizer),), batch_size, horizon=horizon_of(optimizer)
            ),
            on_step=on_step,
        )
        self._block = ExitStack()
        self._is_last_epoch = False
        self._steps_before = 0

    def __enter__(self) -> "SweepCallback":
        with ExitStack() as block:
            # Keras keeps names, and the seeds of layers that have none of their own, in a global.
            block.enter_context(preserve(self._swept, vars(GLOBAL_STATE_TRACKER)))
            block.enter_context(warnings.catch_warnings())
            for said_already in ("Your input ran out of data", "`shuffle=True` was passed, but will be ignored"):
                warnings.filterwarnings("ignore", message=said_already)
            self._make_ready()
            self._block = block.pop_all()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._test.__exit__(kind, error, trace)
        if error is None and not self._test.has_ended:
            self._test.stop(StopReason.DATA_ENDED)
        self._block.__exit__(kind, error, trace)

    @property
    def curve(self) -> Curve:
        """What has been measured so far."""
        return self._test.curve

    def end_with_epoch(self) -> None:
        """Tells that the data have no more batches: Keras would go on with the first one of a generator for ever."""
        self._is_last_epoch = True

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Sets the rate; starts the metrics afresh, because the loss that Keras reports is their running mean."""
        model = self._synchronized_model()
        model.reset_metrics()
        model.optimizer.learning_rate = self._test.lr
        self._steps_before = int(model.optimizer.iterations)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Tells the loss, and whether a step was made: not where the optimizer accumulates, or skips an overflow."""
        if not logs or "loss" not in logs:
            raise ValueError("model must report its loss from train_step under the name 'loss'")
        self._test.add_batch(float(logs["loss"]))
        self._test.end_step(int(self._synchronized_model().optimizer.iterations) != self._steps_before)
        if self._test.has_ended:
            self._swept.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Ends where the data did."""
        if self._is_last_epoch:
            self._swept.stop_training = True

    def _synchronized_model(self) -> keras.Model:
        """The model; on JAX, that a callback asks for it brings its variables up to date."""
        return cast(keras.Model, self.model)

    def _make_ready(self) -> None:
        """Makes every step one call, with a rate that can be set."""
        model = self._swept
        optimizer = inner(model.optimizer)
        if not isinstance(optimizer._learning_rate, keras.Variable):  # a schedule or a function
            rate = keras.Variable(0.0, name="learning_rate", dtype="float32", trainable=False)
            optimizer._track_variable(rate)
            optimizer._learning_rate = rate
        if self._wd is not None:
            optimizer.weight_decay = self._wd
            # JAX keeps what it compiled for a method, the weight decay in it, beyond the search. This is another.
            model.train_step = partial(model.train_step)
        model.steps_per_execution = 1
        model.train_function = None  # the one that is there may take several steps a call


def _settings(optimizer: Any) -> dict[str, Setting]:
    """Its rate, and its other numbers as it keeps them: `get_config` warns on torch."""
    rate = float(optimizer.learning_rate)
    return settings_of({"lr": rate} | {name: value for name, value in vars(optimizer).items() if name[0] != "_"})


def _momentum(optimizer: Any) -> float | None:
    """Its momentum, None where that is not known."""
    return largest_momentum([{"momentum": getattr(optimizer, "momentum", getattr(optimizer, "beta_1", None))}])
