"""The data of a training: the loaders to train and to validate with, and where their batches go."""

from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import torch

from lr_finder.integrations.torch.batches import to_device

Loader: TypeAlias = Iterable[Any]
"""Gives batches `(input, target)`; a list of inputs is passed to the model as several arguments."""


class DataBunch:
    """A loader to train with and one to validate with.

    Args:
        train_dl: Batches to train with; has a length.
        valid_dl: Batches to validate with; None for a training that is never validated.
        device: Where batches and model go; a GPU where there is one when left out.
        path: The folder of what belongs to these data; a Learner saves below it.
    """

    def __init__(
        self,
        train_dl: Loader,
        valid_dl: Loader | None = None,
        device: "torch.device | str | None" = None,
        path: "str | PathLike[str]" = ".",
    ):
        self.train_dl = train_dl
        self.valid_dl = valid_dl
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.path = Path(path)

    def batches(self, loader: Loader) -> Iterator[tuple[Any, Any]]:
        """The loader's batches as pairs of input and target, on the device.

        Raises:
            ValueError: A batch is no such pair.
        """
        for batch in loader:
            if not isinstance(batch, (list, tuple)) or len(batch) != 2:
                kind = f"{len(batch)} items" if isinstance(batch, (list, tuple)) else type(batch).__name__
                raise ValueError(f"a batch must be (input, target), got {kind}")
            inputs, target = to_device(batch, self.device)
            yield inputs, target


def count_batches(loader: Loader, name: str) -> int:
    """How many batches a loader has.

    Raises:
        TypeError: It has no length.
        ValueError: It is empty.
    """
    try:
        count = len(loader)  # pyright: ignore[reportArgumentType]
    except TypeError:
        raise TypeError(f"{name} must have a length, and {type(loader).__name__} has none") from None
    if count == 0:
        raise ValueError(
            f"{name} must have at least one batch, got none; are there fewer samples than one batch takes?"
        )
    return count
