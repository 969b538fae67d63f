"""A ramp through `Trainer.fit`, for both packages as which Lightning is published."""

import copy
import logging
import math
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils._pytree import tree_leaves
from torch.utils.data import DataLoader

from lr_finder.core.ramp import Ramp, Validate
from lr_finder.curve.curve import Curve
from lr_finder.curve.horizon import Horizon
from lr_finder.curve.sweep import Sweep
from lr_finder.integrations.batches import batch_size_of
from lr_finder.integrations.lightning_trainer.apply import uncompiled
from lr_finder.integrations.lightning_trainer.hooks import SweepHooks
from lr_finder.integrations.lightning_trainer.stand_ins import idle_callback
from lr_finder.integrations.lightning_trainer.trial import trial_trainer
from lr_finder.integrations.search import OnStep
from lr_finder.integrations.torch.optimizer_sweep import OptimizerSweep
from lr_finder.integrations.torch.processes import Processes
from lr_finder.integrations.torch.schedules import schedule_of
from lr_finder.preserve import preserve


@dataclass(frozen=True)
class Fit:
    """What the user would fit.

    Args:
        package: `lightning.pytorch` or `pytorch_lightning`: whichever defines the trainer.
        trainer: The user's trainer; only read, so that it stays usable whatever happens in a ramp.
        model: The LightningModule, or what `torch.compile` makes of it.
        data: The keywords of `Trainer.fit` that name the data; empty where the module brings its own.
        processes: Those that fit it together.
    """

    package: Any
    trainer: Any
    model: Any
    data: dict[str, Any]
    processes: Processes

    @property
    def module(self) -> Any:
        """The LightningModule itself."""
        return uncompiled(self.model)

    @property
    def _is_inside_a_fit(self) -> bool:
        return self.trainer.state.status == self.package.trainer.states.TrainerStatus.RUNNING

    def ramp(self, on_step: OnStep) -> Ramp:
        """The seam that the search calls; `on_step` is called after each optimizer step."""

        def ramp(sweep: Sweep, validate: Validate | None = None) -> Curve:
            kept = _optimizers_in(self.module.configure_optimizers)
            state = [self.module, self.trainer.precision_plugin, *kept, *self._stateful_data()]
            with preserve(*state), ExitStack() as sweeping, _quiet(self.package):

                def start(optimizers: Sequence[Optimizer]) -> OptimizerSweep:
                    swept = OptimizerSweep(
                        sweep,
                        optimizers,
                        read=self.processes.read,
                        on_step=on_step,
                        validate=validate,
                        batch_size=batch_size_of(trial.train_dataloader, trial.accumulate_grad_batches),
                        horizon=_horizon(trial),
                    )
                    return sweeping.enter_context(swept)

                folder = Path(sweeping.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
                # Set on the object, and so gone with the rest: the callbacks that the module brings are idle too.
                self.module.configure_callbacks = self._idle_callbacks(self.module.configure_callbacks, folder)
                if self._is_inside_a_fit and "datamodule" in self.data:
                    self.data["datamodule"].teardown = lambda stage: None  # the fit has set it up, and goes on with it
                hooks = SweepHooks(start, self._end)
                trial = self._trial_trainer(hooks, folder)
                self._fit(trial, hooks)
                if hooks.swept is None or not hooks.swept.test.steps_taken:
                    raise ValueError("train_dataloaders must yield at least one batch, got none")
                return hooks.swept.test.curve

        return ramp

    def _fit(self, trial: Any, hooks: SweepHooks) -> None:
        """Fits; a Ctrl-C comes through as it does elsewhere."""
        on_interrupt = signal.getsignal(signal.SIGINT)
        try:
            # A `fit` that a trainer of the user's own class has is the user's.
            self.package.Trainer.fit(trial, self.model, **self.data)
        except SystemExit:
            if hooks.interrupt is None:
                raise
        if hooks.interrupt is not None:
            # Lightning switches the signal off and exits the process, or before 2.5 returns as if nothing had been.
            signal.signal(signal.SIGINT, on_interrupt)
            raise hooks.interrupt

    def _idle_callbacks(self, configure: Callable[[], Any], folder: Path) -> Callable[[], list[Any]]:
        """The module's `configure_callbacks`, with callbacks that hear of nothing."""

        def configure_idle() -> list[Any]:
            callbacks = configure() or []
            callbacks = callbacks if isinstance(callbacks, Sequence) else [callbacks]
            return [idle_callback(callback, self.package.Callback, folder) for callback in callbacks]

        return configure_idle

    def _end(self) -> BaseException:
        """What ends a fit at once: no hook that belongs to the end of a training is called but `teardown`."""
        return self.package.utilities.exceptions._TunerExitException()

    def _trial_trainer(self, hooks: SweepHooks, folder: Path) -> Any:
        trial = trial_trainer(self.package, self.trainer, self._trial_strategy(hooks), folder)
        trial.callbacks.append(self.package.callbacks.LambdaCallback(**hooks.by_name()))
        if self._is_inside_a_fit:
            trial.strategy._launcher = None  # the callback's trial: this process is one of those that were launched
        elif isinstance(trial.strategy.launcher, self.package.strategies.launchers._MultiProcessingLauncher):
            raise ValueError(
                "the trainer's strategy must not start processes of its own, which can't hand back a curve, got "
                f"{type(self.trainer.strategy).__name__}; use strategy='ddp', or the LRFinderCallback"
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


def _optimizers_in(configure: Callable[[], Any]) -> list[Any]:
    """Optimizers and schedulers that `configure_optimizers` holds: LightningCLI makes them once, for all fits."""
    function = getattr(configure, "__func__", configure)
    if isinstance(function, partial):
        held = [function.args, function.keywords]
    else:
        held = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    return [thing for thing in tree_leaves(held) if isinstance(thing, (Optimizer, LRScheduler))]


def _horizon(trainer: Any) -> Horizon:
    """How long the training is to be and how its rate is to run, as a trainer that is fitting knows it."""
    steps = trainer.estimated_stepping_batches
    configs = trainer.lr_scheduler_configs
    schedule = schedule_of(configs[0].scheduler) if configs else None
    return Horizon(schedule or "constant", int(steps) if 0 < steps < math.inf else None)


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
