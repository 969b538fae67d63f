"""Hugging Face: a search with the Trainer's own training."""

import copy
from contextlib import ExitStack, suppress
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch
from transformers import Trainer, TrainerControl, TrainingArguments

from lr_finder.core.ramp import Ramp, Validate
from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.core.step import MAX_IDLE_BATCHES
from lr_finder.curve.curve import Curve
from lr_finder.curve.horizon import Horizon
from lr_finder.curve.sweep import Sweep
from lr_finder.integrations.search import OnStep, search_with_bar
from lr_finder.integrations.torch.optimizer_sweep import OptimizerSweep
from lr_finder.integrations.torch.processes import Processes
from lr_finder.integrations.transformers_trainer.sweep_callback import SweepCallback, SweepEndedError
from lr_finder.preserve import preserve
from lr_finder.progress import shown_once

if TYPE_CHECKING:
    from typing_extensions import Unpack


def lr_find(
    trainer: Trainer,
    *,
    progress: bool | None = None,
    **options: "Unpack[SearchOptions]",
) -> RangeTestResult:
    """Searches for the learning rate to train with, and leaves the trainer as it was.

    It is the trainer's own training: its `train()` runs, with its arguments and loss, but with none of its callbacks,
    so that nothing is logged, evaluated or saved. Schedulers are there and not stepped; `args.output_dir` is a folder
    that goes away; what `state` says of the length is that of the training to come.

        result = lr_find(trainer)
        result.apply(trainer)

    Args:
        trainer: A `transformers.Trainer` or one of a class that builds on it.
        progress: Whether to show a progress bar; None shows it on a terminal only.
        options: Those of every search: see `lr_finder.SearchOptions`.

    Raises:
        ValueError: An argument breaks its rule; the text names it.
        TypeError: `trainer` is no such trainer.
    """
    if not isinstance(trainer, Trainer):
        raise TypeError(f"trainer must be a transformers.Trainer, got {type(trainer).__name__}")
    if trainer.is_deepspeed_enabled:
        raise ValueError(
            "trainer must not use DeepSpeed, which keeps weights and optimizer where nothing puts them back; search "
            "without it"
        )
    are_several = trainer.accelerator.num_processes > 1
    groups = (lambda: [torch.distributed.group.WORLD]) if are_several else None
    with Processes(groups, trainer.accelerator.device) as processes:
        return search_with_bar(
            lambda on_step: _ramp(trainer, processes, on_step), shown_once(progress, processes.is_first), **options
        )


def _ramp(trainer: Trainer, processes: Processes, on_step: OnStep) -> Ramp:
    def ramp(sweep: Sweep, validate: Validate | None = None) -> Curve:
        accelerator = trainer.accelerator
        state = [trainer, trainer.callback_handler, accelerator, accelerator.gradient_state]
        if trainer.lr_scheduler is not None:
            state.append(trainer.lr_scheduler)
        with preserve(*state), ExitStack() as sweeping:

            def start(optimizer: torch.optim.Optimizer, horizon: Horizon) -> OptimizerSweep:
                check_uses_rate(optimizer)
                swept = OptimizerSweep(
                    sweep,
                    [optimizer],
                    read=processes.read,
                    on_step=on_step,
                    validate=validate,
                    batch_size=trainer.args.train_batch_size * trainer.args.gradient_accumulation_steps,
                    horizon=horizon,
                )
                return sweeping.enter_context(swept)

            callback = SweepCallback(trainer, trainer.args, start)
            # All of this is set on the trainer itself, and so gone with the rest.
            trainer.callback_handler.callbacks = [callback]
            trainer.control = TrainerControl()
            trainer.args = _trial_arguments(trainer.args, sweep, sweeping.enter_context(TemporaryDirectory()))
            trainer.training_step = callback.noting_loss(trainer.training_step)
            with suppress(SweepEndedError):
                trainer.train()
            return callback.curve

    return ramp


def _trial_arguments(run: TrainingArguments, sweep: Sweep, folder: str) -> TrainingArguments:
    """The arguments of a training to come as a trial needs them: as long as the sweep, and writing into a folder."""
    trial = copy.copy(run)
    # Of the search, whatever the length of the training; more than its steps, since a scaler may skip some.
    trial.max_steps = sweep.num_it + MAX_IDLE_BATCHES
    trial.eval_on_start = False
    trial.auto_find_batch_size = False  # it would start over inside the sweep
    for name in ("output_dir", "logging_dir"):  # the latter up to transformers 4
        if hasattr(trial, name):
            setattr(trial, name, folder)
    return trial


def check_uses_rate(optimizer: torch.optim.Optimizer) -> None:
    """Raises where an optimizer makes its own rate.

    Raises:
        ValueError: It does.
    """
    if any(group.get("relative_step") for group in optimizer.param_groups):
        raise ValueError(
            f"the optimizer must train by the rate it is given, and {type(optimizer).__name__} with relative_step=True "
            'ignores it: TrainingArguments(..., optim="adafactor") makes one that takes it, and so does '
            "Adafactor(model.parameters(), lr=1e-3, relative_step=False, scale_parameter=False, warmup_init=False)"
        )
