"""The search before a fit, for both packages as which Lightning is published."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch.distributed as dist

from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.integrations.lightning_trainer.apply import uncompiled
from lr_finder.integrations.lightning_trainer.fit import Fit
from lr_finder.integrations.search import search_with_bar
from lr_finder.integrations.torch.processes import Processes
from lr_finder.progress import shown_once

if TYPE_CHECKING:
    from typing_extensions import Unpack


def lr_find(
    trainer: Any,
    lightning_module: Any,
    train_dataloaders: Any = None,
    val_dataloaders: Any = None,
    *,
    datamodule: Any = None,
    progress: bool | None = None,
    **options: "Unpack[SearchOptions]",
) -> RangeTestResult:
    """Searches for the learning rate to fit a LightningModule with, and leaves everything as it was.

    Each ramp is a fit by a fresh trainer that is set as `trainer`, which itself is only read. The module finds there
    what it finds in a run, but callbacks and loggers do nothing, schedulers are not stepped, and nothing is validated.

        result = lr_find(trainer, module, train_dataloaders=train_loader)
        result = lr_find(trainer, module, datamodule=data)

    Args:
        trainer: The trainer that would fit the module.
        lightning_module: The module, also compiled by `torch.compile`.
        train_dataloaders: As `Trainer.fit` takes them; left out where the module brings its own.
        val_dataloaders: For a module that asks for them, or how many batches they have.
        datamodule: The data module, instead.
        progress: Whether to show a progress bar; None shows it on a terminal only.
        options: Those of every search: see `lr_finder.SearchOptions`.

    Raises:
        ValueError: An argument breaks its rule; the text names it.
        TypeError: An argument is of the wrong kind.
    """
    package = package_of(trainer)
    if not isinstance(uncompiled(lightning_module), package.LightningModule):
        raise TypeError(
            f"lightning_module must be a LightningModule of {package.__name__}, got {type(lightning_module).__name__}"
        )
    data = {"train_dataloaders": train_dataloaders, "val_dataloaders": val_dataloaders, "datamodule": datamodule}
    given = {name: value for name, value in data.items() if value is not None}
    with Processes(_groups if trainer.world_size > 1 else None) as processes:
        fit = Fit(package, trainer, lightning_module, given, processes)
        return search_with_bar(fit.ramp, shown_once(progress, trainer.is_global_zero), **options)


def _groups() -> list[Any]:
    """The process group, once the first fit has made it."""
    return [dist.group.WORLD] if dist.is_available() and dist.is_initialized() else []


def package_of(trainer: Any) -> Any:
    """`lightning.pytorch` or `pytorch_lightning`, each of which has its own classes."""
    for base in type(trainer).__mro__:
        package, _, inside = base.__module__.partition(".trainer.")
        if base.__name__ == "Trainer" and inside == "trainer":
            return import_module(package)
    raise TypeError(f"trainer must be a Lightning Trainer, got {type(trainer).__name__}")
