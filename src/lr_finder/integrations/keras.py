"""Keras 3 on any backend: a compiled model with the data that it is fitted to."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras.src.backend.common.global_state import GLOBAL_STATE_TRACKER

import lr_finder.preserve.keras_objects  # noqa: F401  registers the kinds of Keras
from lr_finder.core.curve import Curve
from lr_finder.core.range_test import RangeTest
from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import Ramp, search
from lr_finder.core.stopping import StopReason
from lr_finder.core.sweep import Bound, Sweep
from lr_finder.integrations.batches import Batches, DataEndedError
from lr_finder.preserve import preserve
from lr_finder.progress import progress_bar

ENOUGH_EPOCHS = 10**9
"""The callback ends the fit; the data may be as short as a batch."""


def lr_find(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    batch_size: int | None = None,
    sample_weight: Any = None,
    class_weight: dict[int, float] | None = None,
    shuffle: bool = True,
    steps_per_epoch: int | None = None,
    start_lr: Bound | None = None,
    end_lr: Bound | None = None,
    num_it: int = 100,
    stop_div: bool = True,
    wd: float | None = None,
    progress: bool | None = None,
) -> RangeTestResult:
    """Searches for the learning rate of a compiled Keras model, and leaves the model as it was.

    It is fitted by Keras' own `fit`, with no callback but the one that sets the rate, and no validation.

    Args:
        model: The model, compiled; it may have been fitted or not.
        x: Inputs, or a data set, data loader or generator of batches: whatever `model.fit` takes.
        y: Targets, where `x` does not bring them.
        batch_size: Samples per batch, as in `model.fit`.
        sample_weight: As in `model.fit`.
        class_weight: As in `model.fit`.
        shuffle: As in `model.fit`.
        steps_per_epoch: As in `model.fit`.
        start_lr: The rate of the first step; without any bound the range is found too.
        end_lr: The rate of the last step.
        num_it: Optimizer steps to plan for.
        stop_div: Whether to stop once the loss has diverged.
        wd: Weight decay during the search.
        progress: Whether to show a progress bar; None shows it on a terminal only.

    Raises:
        ValueError: An argument breaks its rule; the text names it.
        TypeError: An argument is of the wrong kind.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a keras.Model, got {type(model).__name__}")
    if not model.compiled or model.optimizer is None:
        raise ValueError("model must be compiled with an optimizer: model.compile(optimizer, loss)")
    data = {
        "y": y,
        "batch_size": batch_size,
        "sample_weight": sample_weight,
        "class_weight": class_weight,
        "shuffle": shuffle,
        "steps_per_epoch": steps_per_epoch,
    }
    with progress_bar(num_it, progress) as bar:
        ramp = _ramp(model, x, data, on_step=bar.update)
        return search(ramp, start_lr=start_lr, end_lr=end_lr, num_it=num_it, stop_div=stop_div, wd=wd)


def _ramp(model: keras.Model, x: Any, data: dict[str, Any], on_step: Callable[[], object]) -> Ramp:
    batches = Batches(x, name="x") if isinstance(x, Iterator) else None
    with_state = (x,) if hasattr(x, "__dict__") and batches is None else ()

    def ramp(sweep: Sweep) -> Curve:
        test = RangeTest.over(sweep)
        # Keras keeps names and the seeds of layers without one in a global of its own.
        with preserve(model, vars(GLOBAL_STATE_TRACKER), *with_state), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Your input ran out of data")  # that is in the result
            _make_ready(model, sweep.wd)
            try:
                model.fit(
                    x if batches is None else _from_the_start(batches),
                    **data,
                    epochs=ENOUGH_EPOCHS,
                    verbose=0,  # pyright: ignore[reportArgumentType]
                    callbacks=[_Climb(test, on_step)],
                )
            except BaseException as error:
                test.keep_partial(error)
                raise
        if not test.has_ended:
            test.stop(StopReason.DATA_ENDED)
        return test.curve

    return ramp


def _from_the_start(batches: Batches) -> Iterator[Any]:
    batches.restart()
    try:
        while True:
            yield batches.next()
    except DataEndedError:
        return


def _make_ready(model: keras.Model, wd: float | None) -> None:
    """Makes every step one call with a rate that can be set."""
    optimizer = _inner(model.optimizer)
    if not isinstance(optimizer._learning_rate, keras.Variable):  # a schedule or a function
        rate = keras.Variable(0.0, name="learning_rate", dtype="float32", trainable=False)
        optimizer._track_variable(rate)
        optimizer._learning_rate = rate
    if wd is not None:
        optimizer.weight_decay = wd
    model.steps_per_execution = 1
    model.train_function = None  # a step compiled before would go on with the schedule, or with several steps a call


def _inner(optimizer: Any) -> Any:
    """The optimizer that holds the rate: a LossScaleOptimizer only passes it on."""
    return getattr(optimizer, "inner_optimizer", optimizer)


class _Climb(keras.callbacks.Callback):
    """Sets the rate before each batch, and records the loss of each optimizer step."""

    def __init__(self, test: RangeTest, on_step: Callable[[], object]):
        super().__init__()
        self._test = test
        self._on_step = on_step
        self._losses: list[float] = []
        self._batches_of_epoch = 0
        self._steps_before = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts to count the batches of the epoch."""
        self._batches_of_epoch = 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Sets the rate; starts the metrics afresh, because the loss that Keras reports is their running mean."""
        model = self.model  # on JAX, asking for it brings the variables up to date
        model.reset_metrics()
        model.optimizer.learning_rate = self._test.lr
        self._steps_before = int(model.optimizer.iterations)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Records the mean loss of the batches that an optimizer step took; a step of accumulation is none."""
        if not logs or "loss" not in logs:
            raise ValueError("model must report its loss from train_step under the name 'loss'")
        self._batches_of_epoch += 1
        self._losses.append(float(logs["loss"]))
        if int(self.model.optimizer.iterations) == self._steps_before:
            return
        self._test.record(sum(self._losses) / len(self._losses))
        self._losses.clear()
        self._on_step()
        if self._test.has_ended:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Ends where an epoch brought no batch: a generator has given all that it had."""
        if not self._batches_of_epoch:
            self.model.stop_training = True
