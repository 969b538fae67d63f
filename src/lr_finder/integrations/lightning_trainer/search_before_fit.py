"""The search at the start of a fit, for both packages as which Lightning is published."""

from typing import TYPE_CHECKING, Any

import numpy as np

from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.integrations.callers import locals_of_caller
from lr_finder.integrations.keywords import check_keywords
from lr_finder.integrations.lightning_trainer.apply import Changes, set_attributes, set_in_optimizers
from lr_finder.integrations.lightning_trainer.rate_attribute import parts_of, places
from lr_finder.integrations.lightning_trainer.search import lr_find, package_of
from lr_finder.integrations.torch.scheduled_rates import largest_rate

if TYPE_CHECKING:
    from typing_extensions import Unpack


class SearchBeforeFit:
    """The hooks of a callback that searches at the start of a fit and applies the rate."""

    # The options are typed, since LightningCLI takes what it may be given from the signature.
    def __init__(
        self,
        attribute: str | None = None,
        *,
        log: bool = False,
        progress: bool | None = None,
        **search: "Unpack[SearchOptions]",
    ):
        super().__init__()
        if attribute is not None:
            parts_of(attribute)
        check_keywords(search)
        self.attribute = attribute
        self._writes_log = log  # `log` is what Lightning gives every callback to log values with
        self.progress = progress
        self.search = search
        self.result: RangeTestResult | None = None
        self._changes: Changes = {}

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Searches, and gives the module its rate before it makes its optimizers."""
        self.result = None
        # A checkpoint brings its own rate; it is restored only later, when the trainer knows of it.
        if stage != "fit" or locals_of_caller(type(trainer), "_run").get("ckpt_path") is not None:
            return
        where = places(pl_module, self.attribute)
        self.result = lr_find(trainer, pl_module, **_data_of(trainer, pl_module), progress=self.progress, **self.search)
        self._changes = set_attributes(where, self.result.suggestion.lr)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Makes sure that the rate has arrived in optimizers and schedulers, and says so."""
        if self.result is None:
            return
        lr = self.result.suggestion.lr
        schedulers = [config.scheduler for config in trainer.lr_scheduler_configs]
        if self.search.get("by_group"):
            self._changes |= _set_by_group(trainer, self.result)
        elif not self._changes or not np.isclose(largest_rate(trainer.optimizers, schedulers), lr):
            self._changes |= set_in_optimizers(trainer, lr)
        where = ", ".join(f"{name} (was {old})" for name, (old, _) in self._changes.items())
        package_of(trainer).utilities.rank_zero.rank_zero_info(
            f"LRFinderCallback set the learning rate to {self.result.suggestion}, in {where}"
        )
        if self._writes_log:
            self.result.log_to(trainer)


def _set_by_group(trainer: Any, result: RangeTestResult) -> Changes:
    """Gives each parameter group its own rate; the old and the new one of each."""
    if trainer.lr_scheduler_configs:
        raise ValueError(
            "by_group=True sets the optimizers' rates, where the module's scheduler would overwrite them: "
            "lr_find(trainer, module, by_group=True).group_suggestions are for configure_optimizers"
        )
    return {f"parameter group {number}": change for number, change in enumerate(result.apply(trainer.optimizers))}


def _data_of(trainer: Any, module: Any) -> dict[str, Any]:
    """The data of the fit under way, as `lr_find` takes it; what the module brings, it brings there too."""
    given = {
        "train_dataloaders": trainer.fit_loop._data_source.instance,
        "val_dataloaders": trainer.fit_loop.epoch_loop.val_loop._data_source.instance,
    }
    if given["train_dataloaders"] is trainer.datamodule:
        return {"datamodule": trainer.datamodule}
    return {name: data for name, data in given.items() if data is not module}
