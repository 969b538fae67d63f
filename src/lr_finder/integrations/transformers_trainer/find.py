"""Hugging Face: the Trainer of transformers, and those that build on it."""

import copy
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from lr_finder.core.ramp import Ramp, Validate
from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.core.step import MAX_IDLE_BATCHES
from lr_finder.curve.curve import Curve
from lr_finder.curve.stopping import StopReason
from lr_finder.curve.sweep import Sweep
from lr_finder.extras import extra
from lr_finder.integrations.search import OnStep, search_with_bar
from lr_finder.preserve import preserve

with extra("transformers"):
    import torch
    from accelerate.optimizer import AcceleratedOptimizer
    from transformers import Trainer, TrainerCallback, TrainerControl

    from lr_finder.integrations.torch.distributed import read_local, reader_with
    from lr_finder.integrations.torch.optimizer_sweep import OptimizerSweep

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
    so that nothing is logged, evaluated or saved. Schedulers are not stepped.

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
            "trainer must not use DeepSpeed, which keeps weights and optimizer where nothing puts them back"
        )
    return search_with_bar(lambda on_step: _ramp(trainer, on_step), progress, **options)


def _ramp(trainer: Trainer, on_step: OnStep) -> Ramp:
    def ramp(sweep: Sweep, validate: Validate | None = None) -> Curve:
        accelerator = trainer.accelerator
        state = [trainer, trainer.callback_handler, accelerator, accelerator.gradient_state]
        read = read_local
        if accelerator.num_processes > 1:
            read = reader_with(partial(accelerator.reduce, reduction="mean"), accelerator.device)
        with preserve(*state), ExitStack() as sweeping:

            def start(optimizer: torch.optim.Optimizer) -> OptimizerSweep:
                swept = OptimizerSweep(
                    sweep,
                    [optimizer],
                    read=read,
                    on_step=on_step,
                    validate=validate,
                    batch_size=trainer.args.train_batch_size * trainer.args.gradient_accumulation_steps,
                )
                return sweeping.enter_context(swept)

            callback = SweepCallback(trainer, start)
            # All of this is set on the trainer itself, and so gone with the rest.
            trainer.callback_handler.callbacks = [callback]
            trainer.control = TrainerControl()
            trainer.args = copy.copy(trainer.args)
            # Of the search, whatever the length of the training; more than its steps, since a scaler may skip some.
            trainer.args.max_steps = sweep.num_it + MAX_IDLE_BATCHES
            trainer.args.eval_on_start = False
            trainer.args.auto_find_batch_size = False  # it would start over inside the sweep
            trainer.training_step = callback.noting_loss(trainer.training_step)
            with suppress(_SweepEndedError):
                trainer.train()
            return callback.curve

    return ramp


class _SweepEndedError(Exception):
    """Ends a training at once: nothing that belongs to its end is done."""


class SweepCallback(TrainerCallback):
    """Steers a training through one sweep: its rates go in, the losses come out.

    Args:
        trainer: Whose training it is.
        start: Starts the sweep over the optimizer that steps.
    """

    def __init__(self, trainer: Trainer, start: Callable[[torch.optim.Optimizer], OptimizerSweep]):
        self._trainer = trainer
        self._start = start
        self._swept: Any = None  # until the training has an optimizer
        self._losses: list[torch.Tensor] = []

    @property
    def curve(self) -> Curve:
        """What was measured; where the training ended by itself, its data did.

        Raises:
            ValueError: There was no data.
        """
        if self._swept is None or not self._swept.test.steps_taken:
            raise ValueError("the trainer's train_dataset must yield at least one batch, got none")
        if not self._swept.test.has_ended:
            self._swept.test.stop(StopReason.DATA_ENDED)
        return self._swept.test.curve

    def noting_loss(self, training_step: Callable[..., Any]) -> Callable[..., Any]:
        """The trainer's training step, with its loss noted: what the trainer logs is filtered of NaN."""

        def noting(*arguments: Any, **keywords: Any) -> Any:
            loss = training_step(*arguments, **keywords)
            self._losses.append(loss.detach())
            return loss

        return noting

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Starts the sweep, now that there is an optimizer."""
        optimizer: Any = self._trainer.optimizer
        if isinstance(optimizer, AcceleratedOptimizer):
            optimizer = optimizer.optimizer  # what Accelerate wraps is what steps
        self._swept = self._start(optimizer)
        self._trainer.lr_scheduler = _NoSchedule(optimizer)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Tells the loss of the step and whether it was made; ends the training with the sweep."""
        # The sum, because the trainer has divided each loss by the number of batches or tokens.
        self._swept.test.add_batch(torch.stack(self._losses).sum())
        self._losses.clear()
        self._swept.test.end_step(self._swept.has_stepped())
        if self._swept.test.has_ended:
            raise _SweepEndedError


class _NoSchedule:
    """Stands in for the scheduler, which the trainer would step."""

    def __init__(self, optimizer: torch.optim.Optimizer):
        self._optimizer = optimizer

    def step(self, *_: Any) -> None:
        """Leaves the rates to the sweep."""

    def get_last_lr(self) -> list[float]:
        """The rates, which the trainer reads for its log."""
        return [float(group["lr"]) for group in self._optimizer.param_groups]
