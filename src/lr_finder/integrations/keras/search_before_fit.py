"""The search at the beginning of a Keras fit."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras

from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.integrations.callers import locals_of_caller
from lr_finder.integrations.keras.find import lr_find, training_optimizers
from lr_finder.integrations.keras.optimizers import check_takes_rate
from lr_finder.integrations.keywords import check_keywords
from lr_finder.progress import say

if TYPE_CHECKING:
    from typing_extensions import Unpack

DATA_OF_FIT = ("y", "batch_size", "sample_weight", "class_weight", "shuffle", "steps_per_epoch")
"""Beside `x`, what says on which batches a fit trains, less what `validation_split` holds out."""


class LRFinder(keras.callbacks.Callback):
    """Searches for the learning rate at the beginning of every `fit`, on its data, and trains with it.

        model.fit(x, y, batch_size=64, epochs=10, callbacks=[LRFinder()])

    A fit with an `initial_epoch` goes on with the rate that it has.

    Args:
        progress: Whether to show a progress bar; None shows it on a terminal only.
        search: Those of every search: see `lr_finder.SearchOptions`.

    Attributes:
        result: What the last search found; None before, and where a fit went on.

    Raises:
        TypeError: There is no such option, or out of `fit`: the rate is a schedule, or the data are a generator.
        NoSuggestionError: Out of `fit`: the curve does not tell a rate.
    """

    def __init__(self, *, progress: bool | None = None, **search: "Unpack[SearchOptions]"):
        super().__init__()
        check_keywords(search)
        self.progress = progress
        self.search = search
        self.result: RangeTestResult | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Searches, sets the rate, and says so."""
        self.result = None
        fit = locals_of_caller(keras.Model, "fit")
        model, first_epoch = fit["self"], fit["self"]._initial_epoch or fit["initial_epoch"]
        if first_epoch:
            say(f"LRFinder: no search, the fit goes on from epoch {first_epoch} with the rate that it has")
            return
        x, data = fit["x"], {name: fit[name] for name in DATA_OF_FIT}
        if isinstance(x, Iterator):
            raise TypeError(
                "x must be data that can be gone through again, got a generator, of which the search would take the "
                "batches that the fit trains on: lr_find(model, generator()), result.apply(model), then fit"
            )
        optimizers = training_optimizers(model, x, data)
        for optimizer in optimizers:
            check_takes_rate(optimizer)
        self.result = lr_find(model, x, **data, progress=self.progress, **self.search)
        old = max(before for before, _ in self.result.apply(optimizers))
        say(f"LRFinder: the learning rate is {self.result.suggestion}; it was {old:.2g}")
