"""The search before a fit, and at the start of one, for both packages as which Lightning is published."""

from collections.abc import MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions, search
from lr_finder.integrations.lightning_fit import Fit
from lr_finder.progress import progress_bar

if TYPE_CHECKING:
    from typing_extensions import Unpack

ATTRIBUTES = ("lr", "learning_rate")
"""Where a module usually keeps its rate."""


def lr_find(
    trainer: Any,
    lightning_module: Any,
    train_dataloaders: Any = None,
    *,
    datamodule: Any = None,
    progress: bool | None = None,
    **options: "Unpack[SearchOptions]",
) -> RangeTestResult:
    """Searches for the learning rate to fit a LightningModule with, and leaves everything as it was.

    Each ramp is a fit by a fresh trainer with the devices, precision, accumulation, clipping and batch limits of
    `trainer`, which itself is only read: callbacks, loggers, checkpoints, validation, `max_epochs` and `max_time` have
    no part in it. Schedulers are not stepped.

        result = lr_find(trainer, module, train_dataloaders=train_loader)
        result = lr_find(trainer, module, datamodule=data)

    Args:
        trainer: The trainer that would fit the module.
        lightning_module: The module.
        train_dataloaders: As `Trainer.fit` takes them; left out where the module brings its own.
        datamodule: The data module, instead.
        progress: Whether to show a progress bar; None shows it on a terminal only.
        options: Those of every search: see `lr_finder.SearchOptions`.

    Raises:
        ValueError: An argument breaks its rule; the text names it.
        TypeError: An argument is of the wrong kind.
    """
    package = _package_of(trainer)
    if not isinstance(lightning_module, package.LightningModule):
        raise TypeError(
            f"lightning_module must be a LightningModule of {package.__name__}, got {type(lightning_module).__name__}"
        )
    data = {"train_dataloaders": train_dataloaders, "datamodule": datamodule}
    fit = Fit(package, trainer, lightning_module, {name: value for name, value in data.items() if value is not None})
    with progress_bar(progress) as bar:
        ramp = fit.ramp(on_step=bar.update)
        return search(ramp, plan=bar.plan, **options)


def _package_of(trainer: Any) -> Any:
    """`lightning.pytorch` or `pytorch_lightning`, each of which has its own classes."""
    for base in type(trainer).__mro__:
        package, _, inside = base.__module__.partition(".trainer.")
        if base.__name__ == "Trainer" and inside == "trainer":
            return import_module(package)
    raise TypeError(f"trainer must be a Lightning Trainer, got {type(trainer).__name__}")


class FindBeforeFit:
    """The hooks of a callback that searches at the start of a fit and applies the rate."""

    def __init__(self, attribute: str | None = None, **search: Any):
        super().__init__()
        self.attribute = attribute
        self.search = search
        self.result: RangeTestResult | None = None

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Searches, and gives the module its rate before it makes its optimizers."""
        if stage != "fit":
            return
        data = trainer.fit_loop._data_source.instance
        keyword = "datamodule" if data is trainer.datamodule else "train_dataloaders"
        self.result = lr_find(trainer, pl_module, **({} if data is pl_module else {keyword: data}), **self.search)
        _set_rate(pl_module, self.attribute, self.result.suggestion.lr)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Makes sure that the rate has arrived in the optimizers, and sets it there where nothing is in the way."""
        if self.result is None or trainer.ckpt_path is not None:  # a checkpoint brings its own rate
            return
        lr = self.result.suggestion.lr
        groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
        names = ("lr", "initial_lr", "max_lr")  # one-cycle keeps its rate as the last
        if any(np.isclose(float(group[name]), lr) for group in groups for name in names if name in group):
            return
        if trainer.lr_scheduler_configs:
            raise ValueError(
                f"the module has a scheduler, and its rate did not become {lr:.3g}: attribute must name the attribute "
                f"of {type(pl_module).__name__} from which configure_optimizers takes the rate, got {self.attribute!r}"
            )
        for optimizer in trainer.optimizers:
            self.result.apply(optimizer)


def _set_rate(module: Any, attribute: str | None, lr: float) -> None:
    """Sets the rate wherever the module keeps it: as an attribute, in its hyperparameters, or in both."""
    hyperparameters: MutableMapping[str, Any] = getattr(module, "hparams", {})
    for name in ATTRIBUTES if attribute is None else (attribute,):
        if hasattr(module, name):
            setattr(module, name, lr)
        if name in hyperparameters:
            hyperparameters[name] = lr
