"""One sweep inside a Trainer's training: the callback that sets its rates and takes its losses."""

import math
import sys
from collections.abc import Callable
from typing import Any

import torch
from accelerate.optimizer import AcceleratedOptimizer
from transformers import Trainer, TrainerCallback, TrainingArguments

from lr_finder.curve.curve import Curve
from lr_finder.curve.horizon import Horizon
from lr_finder.curve.parameter_groups import lrs_of
from lr_finder.curve.stopping import StopReason
from lr_finder.integrations.torch.optimizer_sweep import OptimizerSweep
from lr_finder.integrations.torch.schedules import schedule_of


class SweepEndedError(Exception):
    """Ends a training at once: nothing that belongs to its end is done."""


class SweepCallback(TrainerCallback):
    """Steers a training through one sweep: its rates go in, the losses come out.

    Args:
        trainer: Whose training it is.
        run: The arguments of the training to come, which the trainer's own code is to see.
        start: Starts the sweep over the optimizer that steps, for the training to come.
    """

    def __init__(
        self,
        trainer: Trainer,
        run: TrainingArguments,
        start: Callable[[torch.optim.Optimizer, Horizon], OptimizerSweep],
    ):
        self._trainer = trainer
        self._run = run
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

    def on_train_begin(self, args: Any, state: Any, control: Any, train_dataloader: Any = None, **_: Any) -> None:
        """Starts the sweep, now that there is an optimizer, and says of the training's length what the run would."""
        optimizer: Any = self._trainer.optimizer
        if isinstance(optimizer, AcceleratedOptimizer):
            optimizer = optimizer.optimizer  # what Accelerate wraps is what steps
        args.max_steps = self._run.max_steps
        state.max_steps, state.num_train_epochs = _length_of(self._run, train_dataloader)
        scheduler = self._trainer.lr_scheduler
        horizon = Horizon(schedule_of(scheduler) or "constant", state.max_steps if state.max_steps > 0 else None)
        self._swept = self._start(optimizer, horizon)
        _hold(scheduler, optimizer)

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Sets the rate of the step, for code that reads it before the optimizer does."""
        self._swept.write()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tells the loss of the step and whether it was made; ends the training with the sweep."""
        # The sum, because the trainer has divided each loss by the number of batches or tokens.
        self._swept.test.add_batch(torch.stack(self._losses).sum())
        self._losses.clear()
        self._swept.test.end_step(self._swept.has_stepped())
        if self._swept.test.has_ended:
            raise SweepEndedError


def _hold(scheduler: Any, optimizer: torch.optim.Optimizer) -> None:
    """Has a scheduler answer with the sweep's rates, and not move them."""
    scheduler.step = lambda *_, **__: None
    scheduler.get_last_lr = lambda: lrs_of(optimizer.param_groups)


def _length_of(run: TrainingArguments, loader: Any) -> tuple[int, int]:
    """The optimizer steps of a training, and the epochs that it begins, as the trainer counts them."""
    try:
        steps_per_epoch = max(math.ceil(len(loader) / run.gradient_accumulation_steps), 1)
    except TypeError:  # a stream
        return run.max_steps, sys.maxsize
    if run.max_steps > 0:
        return run.max_steps, math.ceil(run.max_steps / steps_per_epoch)
    return math.ceil(run.num_train_epochs * steps_per_epoch), math.ceil(run.num_train_epochs)
