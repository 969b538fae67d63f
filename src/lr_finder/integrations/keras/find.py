"""Keras 3 on any backend: a compiled model with the data that it is fitted to."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import keras

from lr_finder.core.ramp import Ramp, Validate
from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.curve.curve import Curve
from lr_finder.curve.sweep import DEFAULT_START_LR, Sweep
from lr_finder.errors import DataEndedError
from lr_finder.integrations.batches import Batches, batch_size_of
from lr_finder.integrations.keras.optimizers import optimizers_of
from lr_finder.integrations.keras.sweep_callback import SweepCallback
from lr_finder.integrations.search import ENOUGH_EPOCHS, OnStep, search_with_bar
from lr_finder.integrations.stateful import stateful
from lr_finder.preserve import preserve

if TYPE_CHECKING:
    from typing_extensions import Unpack


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
    progress: bool | None = None,
    **options: "Unpack[SearchOptions]",
) -> RangeTestResult:
    """Searches for the learning rate of a compiled Keras model, and leaves the model as it was.

    It is fitted by Keras' own `fit`, with no callback but the one that sets the rate, and no validation. Where its
    attributes hold further optimizers, as those of a GAN do, the ones that its training steps keep their ratios.

    Args:
        model: The model, compiled; it may have been fitted or not.
        x: Inputs, or a data set, data loader or generator of batches: whatever `model.fit` takes.
        y: Targets, where `x` does not bring them.
        batch_size: Samples per batch, as in `model.fit`.
        sample_weight: As in `model.fit`.
        class_weight: As in `model.fit`.
        shuffle: As in `model.fit`.
        steps_per_epoch: As in `model.fit`.
        progress: Whether to show a progress bar; None shows it on a terminal only.
        options: Those of every search: see `lr_finder.SearchOptions`.

    Raises:
        ValueError: An argument breaks its rule; the text names it.
        TypeError: An argument is of the wrong kind.
    """
    data = {
        "y": y,
        "batch_size": batch_size,
        "sample_weight": sample_weight,
        "class_weight": class_weight,
        "shuffle": shuffle,
        "steps_per_epoch": steps_per_epoch,
    }
    return search_with_bar(_Fit(model, x, data).ramp, progress, **options)


class _Fit:
    """Fits a model on some data through one sweep after another, each time from the same start."""

    def __init__(self, model: keras.Model, x: Any, data: dict[str, Any]):
        self._model = model
        self._x = x
        self._data = data
        self._batches = Batches(x, name="x") if isinstance(x, Iterator) else None
        self._optimizers = list(optimizers_of(model).values())

    def ramp(self, on_step: OnStep) -> Ramp:
        """The seam that the search calls; `on_step` is called after each optimizer step."""
        self._optimizers = self.training_optimizers()

        def ramp(sweep: Sweep, validate: Validate | None = None) -> Curve:
            return self._fit(sweep, on_step, validate).curve

        return ramp

    def training_optimizers(self) -> list[Any]:
        """Those of the model's optimizers that its training steps: Keras makes one where `compile` is given none."""
        if len(self._optimizers) == 1:
            return self._optimizers
        return self._fit(Sweep.at(DEFAULT_START_LR, 1)).stepped or self._optimizers

    def _fit(self, sweep: Sweep, on_step: OnStep = lambda: None, validate: Validate | None = None) -> SweepCallback:
        errors: list[BaseException] = []
        batch_size = self._data["batch_size"] or batch_size_of(self._x)
        callback = SweepCallback(self._model, self._optimizers, sweep, on_step, validate, batch_size)
        x = self._x if self._batches is None else _from_the_start(self._batches, callback.end_with_epoch, errors)
        with preserve(*stateful(self._x)), callback:
            try:
                self._model.fit(
                    x,
                    **self._data,
                    epochs=ENOUGH_EPOCHS,
                    verbose=0,  # pyright: ignore[reportArgumentType]
                    callbacks=[callback],
                )
            except Exception:
                if errors:  # TensorFlow makes an error of its own of it, also of a Ctrl-C
                    raise errors[0] from None
                raise
        return callback


def training_optimizers(model: keras.Model, x: Any, data: dict[str, Any]) -> list[Any]:
    """The optimizers that step when a model is fitted on some data; where there are several, a step tells."""
    return _Fit(model, x, data).training_optimizers()


def _from_the_start(batches: Batches, on_end: Callable[[], object], errors: list[BaseException]) -> Iterator[Any]:
    """The batches, from the first one on; what a generator raises is kept in `errors` as well."""
    batches.restart()
    try:
        while True:
            yield batches.next()
    except DataEndedError:
        on_end()
    except GeneratorExit:
        raise
    except BaseException as error:
        errors.append(error)
        raise
