"""One ramp inside a Keras fit: the callback that sets the rate and records the loss, and puts the model back."""

import warnings
from collections.abc import Sequence
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
from lr_finder.integrations.callers import locals_of_caller
from lr_finder.integrations.keras.optimizers import inner
from lr_finder.integrations.keras.schedules import horizon_of
from lr_finder.integrations.search import OnStep
from lr_finder.preserve import preserve


class SweepCallback(keras.callbacks.Callback):
    """Takes a fit through one sweep, and ends it; after the block the model is as before.

        with SweepCallback(model, optimizers, sweep) as callback:
            model.fit(x, y, epochs=1000, callbacks=[callback])
        callback.curve

    Args:
        model: The compiled model.
        optimizers: Those that train it, which keep the ratios of their rates.
        sweep: Which rates, and how many steps.
        on_step: Called after each optimizer step.
        validate: Gives a validation loss after the last step.
        batch_size: Samples per optimizer step, for the record.

    Attributes:
        stepped: Those of the optimizers that have made a step.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizers: Sequence[Any],
        sweep: Sweep,
        on_step: OnStep = lambda: None,
        validate: Validate | None = None,
        batch_size: int | None = None,
    ):
        super().__init__()
        self._swept = model
        self._optimizers = optimizers
        self._wd = sweep.wd
        trained_by = [inner(optimizer) for optimizer in optimizers]
        self._test = RangeTest.over(
            sweep,
            current_lrs=[float(optimizer.learning_rate) for optimizer in trained_by],
            validate=validate,
            momentum=_momentum(trained_by),
            training=Training(
                " and ".join(type(optimizer).__name__ for optimizer in trained_by),
                tuple(map(_settings, trained_by)),
                batch_size,
                horizon=horizon_of(trained_by[0]),
            ),
            on_step=on_step,
        )
        self._block = ExitStack()
        self._is_last_epoch = False
        self._data_adapter: Any = None
        self._steps_before: list[int] = []
        self.stepped: list[Any] = []

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
        if (enqueuer := getattr(self._data_adapter, "enqueuer", None)) is not None:
            enqueuer.stop()
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

    def on_train_begin(self, logs: Any = None) -> None:
        """Keeps what gives the batches: Keras leaves its workers running where a fit ends amid an epoch."""
        self._data_adapter = getattr(locals_of_caller(keras.Model, "fit").get("epoch_iterator"), "data_adapter", None)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Sets the rate; starts the metrics afresh, because the loss that Keras reports is their running mean."""
        self._synchronized_model().reset_metrics()
        for optimizer, lr in zip(self._optimizers, self._test.group_lrs, strict=True):
            inner(optimizer).learning_rate = float(lr)
        self._steps_before = self._steps()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Tells the loss, and whether a step was made: not where the optimizer accumulates, or skips an overflow."""
        if not logs or "loss" not in logs:
            raise ValueError(
                "model must report its loss from train_step under the name 'loss'; of several losses, their sum: "
                "return {'loss': d_loss + g_loss, 'd_loss': d_loss, 'g_loss': g_loss}"
            )
        self._test.add_batch(float(logs["loss"]))
        self._synchronized_model()
        steps = zip(self._optimizers, self._steps_before, self._steps(), strict=True)
        stepped = [optimizer for optimizer, before, now in steps if before != now]
        self.stepped += [optimizer for optimizer in stepped if all(optimizer is not known for known in self.stepped)]
        self._test.end_step(bool(stepped))
        if self._test.has_ended:
            self._swept.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Ends where the data did."""
        if self._is_last_epoch:
            self._swept.stop_training = True

    def _synchronized_model(self) -> keras.Model:
        """The model; on JAX, that a callback asks for it brings its variables up to date."""
        return cast(keras.Model, self.model)

    def _steps(self) -> list[int]:
        return [int(optimizer.iterations) for optimizer in self._optimizers]

    def _make_ready(self) -> None:
        """Makes every step one call, with rates that can be set."""
        model = self._swept
        for optimizer in map(inner, self._optimizers):
            if not isinstance(optimizer._learning_rate, keras.Variable):  # a schedule or a function
                rate = keras.Variable(0.0, name="learning_rate", dtype="float32", trainable=False)
                optimizer._track_variable(rate)
                optimizer._learning_rate = rate
            if self._wd is not None:
                optimizer.weight_decay = self._wd
        if self._wd is not None:
            # JAX keeps what it compiled for a method, the weight decay in it, beyond the search. This is another.
            model.train_step = partial(model.train_step)
        model.steps_per_execution = 1
        model.train_function = None  # the one that is there may take several steps a call


def _settings(optimizer: Any) -> dict[str, Setting]:
    """Its rate, and its other numbers as it keeps them: `get_config` warns on torch."""
    rate = float(optimizer.learning_rate)
    return settings_of({"lr": rate} | {name: value for name, value in vars(optimizer).items() if name[0] != "_"})


def _momentum(optimizers: Sequence[Any]) -> float | None:
    """Their largest momentum, None where that is not known."""
    found = [getattr(optimizer, "momentum", getattr(optimizer, "beta_1", None)) for optimizer in optimizers]
    return largest_momentum([{"momentum": momentum} for momentum in found])
