"""Keras 3 on any backend: a compiled model with the data that it is fitted to."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import keras

from lr_finder.core.ramp import Ramp, Validate
from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.curve.curve import Curve
from lr_finder.curve.sweep import Sweep
from lr_finder.errors import DataEndedError
from lr_finder.integrations.batches import Batches, batch_size_of
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
    return search_with_bar(lambda on_step: _ramp(model, x, data, on_step), progress, **options)


def _ramp(model: keras.Model, x: Any, data: dict[str, Any], on_step: OnStep) -> Ramp:
    batches = Batches(x, name="x") if isinstance(x, Iterator) else None
    batch_size = data["batch_size"] or batch_size_of(x)

    def ramp(sweep: Sweep, validate: Validate | None = None) -> Curve:
        errors: list[BaseException] = []
        with preserve(*stateful(x)), SweepCallback(model, sweep, on_step, validate, batch_size) as callback:
            try:
                model.fit(
                    x if batches is None else _from_the_start(batches, callback.end_with_epoch, errors),
                    **data,
                    epochs=ENOUGH_EPOCHS,
                    verbose=0,  # pyright: ignore[reportArgumentType]
                    callbacks=[callback],
                )
            except Exception:
                if errors:  # TensorFlow makes an error of its own of it, also of a Ctrl-C
                    raise errors[0] from None
                raise
        return callback.curve

    return ramp


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
