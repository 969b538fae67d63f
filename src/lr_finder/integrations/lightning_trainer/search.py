"""The search before a fit, for both packages as which Lightning is published."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.integrations.lightning_trainer.apply import uncompiled
from lr_finder.integrations.lightning_trainer.fit import Fit
from lr_finder.integrations.search import search_with_bar

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
    fit = Fit(package, trainer, lightning_module, {name: value for name, value in data.items() if value is not None})
    return search_with_bar(fit.ramp, progress, **options)


def package_of(trainer: Any) -> Any:
    """`lightning.pytorch` or `pytorch_lightning`, each of which has its own classes."""
    for base in type(trainer).__mro__:
        package, _, inside = base.__module__.partition(".trainer.")
        if base.__name__ == "Trainer" and inside == "trainer":
            return import_module(package)
    raise TypeError(f"trainer must be a Lightning Trainer, got {type(trainer).__name__}")
