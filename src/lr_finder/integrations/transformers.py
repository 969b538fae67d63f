"""Hugging Face: the Trainer of transformers, and those that build on it."""

import copy
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from lr_finder.core.curve import Curve, Ramp
from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions, search
from lr_finder.core.stopping import StopReason
from lr_finder.core.sweep import Sweep
from lr_finder.extras import extra
from lr_finder.preserve import preserve
from lr_finder.progress import progress_bar

with extra("transformers"):
    import torch
    from accelerate.optimizer import AcceleratedOptimizer
    from accelerate.utils import reduce
    from transformers import Trainer, TrainerCallback, TrainerControl

    from lr_finder.integrations.torch_hooked import HookedSweep
    from lr_finder.integrations.torch_ramp import IDLE_CALLS

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
        set_learning_rate(trainer, result)

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
    with progress_bar(progress) as bar:
        ramp = _ramp(trainer, on_step=bar.update)
        return search(ramp, plan=bar.plan, **options)


def set_learning_rate(trainer: Trainer, result: RangeTestResult) -> None:
    """Makes a trainer train with the suggested rate.

    Args:
        trainer: Its `args.learning_rate` is set, and where it has an optimizer already, the rates in that, too: every
            parameter group keeps its ratio to the largest rate.
        result: What `lr_find` found.

    Raises:
        NoSuggestionError: There is no rate to set; the trainer is as it was.
    """
    lr = result.suggestion.lr
    trainer.args.learning_rate = lr
    optimizer: Any = trainer.optimizer
    if optimizer is not None:
        for group in optimizer.param_groups:
            group.pop("initial_lr", None)  # left by the scheduler of an earlier training; the next one would take it
        result.apply(optimizer)


def _ramp(trainer: Trainer, on_step: Callable[[], object]) -> Ramp:
    def ramp(sweep: Sweep) -> Curve:
        accelerator = trainer.accelerator
        state = [trainer, trainer.callback_handler, accelerator, accelerator.gradient_state]
        with preserve(*state), ExitStack() as sweeping:
            hooks = SweepCallback(sweep, trainer, on_step, sweeping)
            # All of this is set on the trainer itself, and so gone with the rest.
            trainer.callback_handler.callbacks = [hooks]
            trainer.control = TrainerControl()
            trainer.args = copy.copy(trainer.args)
            # Of the search, whatever the length of the training; more than its steps, since a scaler may skip some.
            trainer.args.max_steps = sweep.num_it + IDLE_CALLS
            trainer.args.eval_on_start = False
            trainer.args.auto_find_batch_size = False  # it would start over inside the sweep
            trainer.training_step = hooks.noting_loss(trainer.training_step)
            return _climb(trainer, hooks)

    return ramp


def _climb(trainer: Trainer, hooks: "SweepCallback") -> Curve:
    try:
        trainer.train()
    except _SweepEndedError:
        pass
    except BaseException as error:
        if hooks.swept is not None:
            hooks.swept.test.keep_partial(error)
        raise
    else:
        if hooks.swept is not None:
            hooks.swept.test.stop(StopReason.DATA_ENDED)
    if hooks.swept is None or not hooks.swept.test.steps_taken:
        raise ValueError("the trainer's train_dataset must yield at least one batch, got none")
    return hooks.swept.test.curve


class _SweepEndedError(Exception):
    """Ends a training at once: nothing that belongs to its end is done."""


class SweepCallback(TrainerCallback):
    """Steers a training through one sweep: its rates go in, the losses come out."""

    def __init__(self, sweep: Sweep, trainer: Trainer, on_step: Callable[[], object], sweeping: ExitStack):
        self.swept: HookedSweep | None = None
        self._sweep = sweep
        self._trainer = trainer
        self._on_step = on_step
        self._sweeping = sweeping

    def noting_loss(self, training_step: Callable[..., Any]) -> Callable[..., Any]:
        """The trainer's training step, with its loss noted: what the trainer logs is filtered of NaN."""

        def noting(*arguments: Any, **keywords: Any) -> Any:
            loss = training_step(*arguments, **keywords)
            assert self.swept is not None
            self.swept.add_batch(loss)
            return loss

        return noting

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Starts the sweep, now that there is an optimizer."""
        optimizer: Any = self._trainer.optimizer
        if isinstance(optimizer, AcceleratedOptimizer):
            optimizer = optimizer.optimizer  # what Accelerate wraps is what steps
        swept = HookedSweep(self._sweep, [optimizer], combine=self._combine, on_step=self._on_step)
        self.swept = self._sweeping.enter_context(swept)
        self._trainer.lr_scheduler = _NoSchedule(optimizer)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Records the step; ends the training with the sweep."""
        assert self.swept is not None
        self.swept.end_step()
        if self.swept.test.has_ended:
            raise _SweepEndedError

    def _combine(self, losses: list[torch.Tensor]) -> torch.Tensor:
        """The sum, because the trainer has divided each by the number of batches or tokens; the mean over ranks."""
        return reduce(torch.stack(losses).sum(), reduction="mean")  # pyright: ignore[reportReturnType]


class _NoSchedule:
    """Stands in for the scheduler, which the trainer would step."""

    def __init__(self, optimizer: torch.optim.Optimizer):
        self._optimizer = optimizer

    def step(self, *_: Any) -> None:
        """Leaves the rates to the sweep."""

    def get_last_lr(self) -> list[float]:
        """The rates, which the trainer reads for its log."""
        return [float(group["lr"]) for group in self._optimizer.param_groups]
