"""The trainer of a trial: it answers as the user's would in the run, trains on without end, and touches nothing."""

import copy
from functools import cache
from pathlib import Path
from typing import Any

from lr_finder.integrations.lightning_trainer.stand_ins import idle_callback, idle_logger

ITS_OWN = {
    "_accelerator_connector",
    "_default_root_dir",
    "_detect_anomaly",  # a loss that is not finite is what a search looks for
    "_loggers",
    "callbacks",
    "num_sanity_val_steps",
    "profiler",
    "state",
}
"""What a trial does not share with the user's trainer, beside connectors and loops."""


def trial_trainer(package: Any, trainer: Any, strategy: Any, folder: Path) -> Any:
    """A fresh trainer with all that the user's is set to.

    Its loggers and callbacks are idle, what belongs to files is in the folder, and it neither validates nor steps
    schedulers, which are there all the same.

    Args:
        package: `lightning.pytorch` or `pytorch_lightning`.
        trainer: The user's trainer; only read.
        strategy: The strategy of the trial.
        folder: Where whatever the user's code writes to a folder of the trainer goes.
    """
    trial = package.Trainer(
        strategy=strategy,
        num_nodes=trainer.num_nodes,
        use_distributed_sampler=trainer._accelerator_connector.use_distributed_sampler,
        sync_batchnorm=getattr(trainer.strategy, "_layer_sync", None) is not None,
        min_epochs=trainer.min_epochs,
        max_epochs=trainer.max_epochs,
        min_steps=trainer.min_steps,
        max_steps=trainer.max_steps,
        default_root_dir=folder,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trial.__class__ = _trial_class(type(trainer))
    for name, value in vars(trainer).items():
        own = vars(trial).get(name)
        if name not in ITS_OWN and (own is None or getattr(own, "trainer", None) is not trial):
            vars(trial)[name] = value
    trial.loggers = [idle_logger(logger, folder) for logger in trainer.loggers]
    # Assigned, because the constructor also adds callbacks of plugins that are installed.
    trial.callbacks = [idle_callback(callback, package.Callback, folder) for callback in trainer.callbacks]
    trial._checkpoint_connector._select_ckpt_path = lambda *_, **__: None  # nor does it go on from the user's
    _copy_progress(package, trainer.fit_loop, trial.fit_loop)
    epoch_loop = trial.fit_loop.epoch_loop
    epoch_loop.update_lr_schedulers = epoch_loop._should_check_val_fx = lambda *_, **__: False
    return trial


@cache
def _trial_class(kind: Any) -> type:
    class Trial(kind):
        """A trainer whose length is as in the run, although its loops have none."""

        _length: Any = None
        should_stop = property(lambda self: False, lambda self, value: None)

        def train_without_end(self) -> None:
            """Lifts the limits of the loops; schedules that are built on the length have been built."""
            self._length = (self.fit_loop.max_epochs, self.fit_loop.max_steps)
            self.fit_loop.max_epochs = self.fit_loop.epoch_loop.max_steps = -1

        @property
        def max_epochs(self) -> Any:
            return self._length[0] if self._length else self.fit_loop.max_epochs

        @property
        def max_steps(self) -> Any:
            return self._length[1] if self._length else self.fit_loop.max_steps

        @property
        def callback_metrics(self) -> Any:
            return _TrainingMetrics(super().callback_metrics)

        @property
        def logged_metrics(self) -> Any:
            return _TrainingMetrics(super().logged_metrics)

        @property
        def progress_bar_metrics(self) -> Any:
            return _TrainingMetrics(super().progress_bar_metrics)

        def save_checkpoint(self, *_: Any, **__: Any) -> None:
            """Leaves the user's files alone."""

    Trial.__name__, Trial.__qualname__ = kind.__name__, kind.__qualname__
    return Trial


class _TrainingMetrics(dict[str, Any]):
    """The metrics of a trial, among which those of validation are missed."""

    def __missing__(self, name: str) -> Any:
        raise KeyError(
            f"{name!r} is not among the metrics of the search, which trains and does not validate; read it where it "
            f"is: if {name!r} in self.trainer.callback_metrics"
        )


def _copy_progress(package: Any, source: Any, target: Any) -> None:
    """Has a loop, and those in it, start with the counts that the user's would start with."""
    for name, value in vars(source).items():
        if isinstance(value, package.loops.progress._BaseProgress) or name == "_batches_that_stepped":
            setattr(target, name, copy.deepcopy(value))
        elif isinstance(value, package.loops.loop._Loop):
            _copy_progress(package, value, getattr(target, name))
