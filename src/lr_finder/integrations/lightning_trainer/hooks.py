"""The hooks through which a sweep steers a fit of Lightning: its rates go in, the losses come out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from lr_finder.curve.stopping import StopReason
from lr_finder.integrations.torch.optimizer_sweep import OptimizerSweep

Start = Callable[[Sequence[torch.optim.Optimizer]], OptimizerSweep]
"""Starts the sweep over the optimizers of a fit."""


class SweepHooks:
    """One sweep over one fit.

    Args:
        start: Starts the sweep.
        end: Makes the exception that ends the fit.

    Attributes:
        swept: The sweep under way; None until the fit has optimizers.
        interrupt: The Ctrl-C that ended the fit, which Lightning does not let through.
    """

    def __init__(self, start: Start, end: Callable[[], BaseException]):
        self.swept: Any = None
        self.interrupt: KeyboardInterrupt | None = None
        self._start_sweep = start
        self._end = end
        self._epoch_is_empty = False
        self._loss: Any = None  # of the batch under way
        self._was_asked_to_step = False

    def by_name(self) -> dict[str, Callable[..., None]]:
        """The hooks under Lightning's names for them."""
        return {
            "on_fit_start": self._lift_limits,
            "on_train_start": self._start,
            "on_train_epoch_start": self._start_epoch,
            "on_before_optimizer_step": self._ask_to_step,
            "on_train_batch_end": self._end_batch,
            "on_exception": self._note_interrupt,
        }

    def noting_loss(self, training_step: Callable[..., Any]) -> Callable[..., Any]:
        """The strategy's training step, with its loss noted.

        Noted here, since what `on_train_batch_end` gets is divided for accumulation, and comes from the last of
        several evaluations under an optimizer with a closure, such as LBFGS.
        """

        def noting(*arguments: Any, **keywords: Any) -> Any:
            output = training_step(*arguments, **keywords)
            if self._loss is None:
                self._loss = output.get("loss") if isinstance(output, Mapping) else output
            return output

        return noting

    def _lift_limits(self, trainer: Any, module: Any) -> None:
        trainer.train_without_end()

    def _start(self, trainer: Any, module: Any) -> None:
        if not any(optimizer.param_groups for optimizer in trainer.optimizers):
            raise ValueError(
                f"configure_optimizers() of {type(module).__name__} must return an optimizer, got None: "
                "return torch.optim.AdamW(self.parameters(), lr=self.lr)"
            )
        self.swept = self._start_sweep(trainer.optimizers)

    def _start_epoch(self, trainer: Any, module: Any) -> None:
        if self._epoch_is_empty:
            self.swept.test.stop(StopReason.DATA_ENDED)
            raise self._end()
        self._epoch_is_empty = True

    def _ask_to_step(self, trainer: Any, module: Any, optimizer: Any) -> None:
        self._was_asked_to_step = True

    def _end_batch(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._epoch_is_empty = False
        if self._loss is None and not module.automatic_optimization:
            raise TypeError("training_step() must return its loss, also with manual optimization, got None")
        self.swept.test.add_batch(self._loss)
        self._loss = None
        if self._was_asked_to_step:
            self._was_asked_to_step = False
            self.swept.test.end_step(self.swept.has_stepped())
        if self.swept.test.has_ended:
            raise self._end()

    def _note_interrupt(self, trainer: Any, module: Any, exception: BaseException) -> None:
        if isinstance(exception, KeyboardInterrupt):
            self.interrupt = exception
