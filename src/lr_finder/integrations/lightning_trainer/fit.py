"""A ramp through `Trainer.fit`, for both packages as which Lightning is published."""

import copy
import logging
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves
from torch.utils.data import DataLoader

from lr_finder.core.ramp import Ramp, Validate
from lr_finder.core.step import Read
from lr_finder.curve.curve import Curve
from lr_finder.curve.sweep import Sweep
from lr_finder.integrations.batches import batch_size_of
from lr_finder.integrations.lightning_trainer.hooks import SweepHooks
from lr_finder.integrations.search import OnStep
from lr_finder.integrations.torch.optimizer_sweep import OptimizerSweep
from lr_finder.preserve import preserve


@dataclass(frozen=True)
class Fit:
    """What the user would fit.

    Args:
        package: `lightning.pytorch` or `pytorch_lightning`: whichever defines the trainer.
        trainer: The user's trainer; only read, so that it stays usable whatever happens in a ramp.
        module: The LightningModule.
        data: The keywords of `Trainer.fit` that name the training data; empty where the module brings its own.
    """

    package: Any
    trainer: Any
    module: Any
    data: dict[str, Any]

    def ramp(self, on_step: OnStep) -> Ramp:
        """The seam that the search calls; `on_step` is called after each optimizer step."""

        def ramp(sweep: Sweep, validate: Validate | None = None) -> Curve:
            state = [self.module, self.trainer.precision_plugin, *self._stateful_data()]
            with preserve(*state), ExitStack() as sweeping, _quiet(self.package):

                def start(optimizers: Sequence[Optimizer], read: Read) -> OptimizerSweep:
                    swept = OptimizerSweep(
                        sweep,
                        optimizers,
                        read=read,
                        on_step=on_step,
                        validate=validate,
                        batch_size=batch_size_of(trial.train_dataloader, trial.accumulate_grad_batches),
                    )
                    return sweeping.enter_context(swept)

                # Set on the object, and so gone with the rest: the module must not bring its callbacks along.
                self.module.configure_callbacks = list
                hooks = SweepHooks(start, self._end)
                trial = self._trial_trainer(hooks)
                self._fit(trial, hooks)
                if hooks.swept is None or not hooks.swept.test.steps_taken:
                    raise ValueError("train_dataloaders must yield at least one batch, got none")
                return hooks.swept.test.curve

        return ramp

    def _fit(self, trial: Any, hooks: SweepHooks) -> None:
        """Fits; a Ctrl-C comes through as it does elsewhere."""
        on_interrupt = signal.getsignal(signal.SIGINT)
        try:
            trial.fit(self.module, **self.data)
        except SystemExit:
            if hooks.interrupt is None:
                raise
        if hooks.interrupt is not None:
            # Lightning switches the signal off and exits the process, or before 2.5 returns as if nothing had been.
            signal.signal(signal.SIGINT, on_interrupt)
            raise hooks.interrupt

    def _end(self) -> BaseException:
        """What ends a fit at once: no hook that belongs to the end of a training is called but `teardown`."""
        return self.package.utilities.exceptions._TunerExitException()

    def _trial_trainer(self, hooks: SweepHooks) -> Any:
        """A fresh trainer with the user's settings as far as they shape a training step, and with nothing else."""
        trainer = self.trainer
        trial = self.package.Trainer(
            strategy=self._trial_strategy(hooks),
            num_nodes=trainer.num_nodes,
            accumulate_grad_batches=trainer.accumulate_grad_batches,
            gradient_clip_val=trainer.gradient_clip_val,
            gradient_clip_algorithm=trainer.gradient_clip_algorithm,
            limit_train_batches=trainer.limit_train_batches,
            overfit_batches=trainer.overfit_batches,
            reload_dataloaders_every_n_epochs=trainer.reload_dataloaders_every_n_epochs,
            use_distributed_sampler=trainer._accelerator_connector.use_distributed_sampler,
            sync_batchnorm=getattr(trainer.strategy, "_layer_sync", None) is not None,
            default_root_dir=trainer.default_root_dir,
            # The length of the training, for schedules that are built on it; the hooks then lift it.
            max_epochs=trainer.max_epochs,
            max_steps=trainer.max_steps,
            limit_val_batches=0,
            num_sanity_val_steps=0,
            # A module may write to `self.logger`: as many loggers as the user has, that take it and drop it.
            logger=[self.package.loggers.logger.DummyLogger() for _ in trainer.loggers],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        # Assigned, because the constructor also adds callbacks of plugins that are installed.
        trial.callbacks = [self.package.callbacks.LambdaCallback(**hooks.by_name())]
        if trainer.state.status == self.package.trainer.states.TrainerStatus.RUNNING:
            trial.strategy._launcher = None  # the callback's trial: this process is one of those that were launched
        elif isinstance(trial.strategy.launcher, self.package.strategies.launchers._MultiProcessingLauncher):
            raise ValueError(
                "the trainer's strategy must not start processes of its own, which can't hand back a curve, got "
                f"{type(trainer.strategy).__name__}; use strategy='ddp', or the LRFinderCallback"
            )
        return trial

    def _trial_strategy(self, hooks: SweepHooks) -> Any:
        """The user's strategy in a copy of its own: devices and precision are its, optimizers and model are not."""
        strategy = copy.copy(self.trainer.strategy)
        strategy._checkpoint_io = None  # the end of a fit shuts it down
        if getattr(strategy, "parallel_devices", None):
            strategy._accelerator = None  # it is found by the devices; both together are refused
        strategy.training_step = hooks.noting_loss(strategy.training_step)
        return strategy

    def _stateful_data(self) -> list[Any]:
        """The loaders and the data module, as far as they are objects that hold state."""
        kinds = (DataLoader, self.package.LightningDataModule)
        given = tree_leaves([getattr(data, "iterables", data) for data in self.data.values()])
        return [thing for thing in given if isinstance(thing, kinds) or hasattr(thing, "load_state_dict")]


@contextmanager
def _quiet(package: Any) -> Iterator[None]:
    """Keeps Lightning from telling of a trial what it will tell of the training: devices, tips and advice."""
    logger = package.utilities.rank_zero.rank_zero_module.log
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", package.utilities.warnings.PossibleUserWarning)
            yield
    finally:
        logger.setLevel(level)
