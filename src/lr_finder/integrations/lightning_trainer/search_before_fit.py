"""The search at the start of a fit, for both packages as which Lightning is published."""

from collections.abc import MutableMapping
from typing import Any

import numpy as np

from lr_finder.core.result import RangeTestResult
from lr_finder.integrations.lightning_trainer.search import lr_find

ATTRIBUTES = ("lr", "learning_rate")
"""Where a module usually keeps its rate."""


class SearchBeforeFit:
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
