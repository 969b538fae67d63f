"""A sweep over a torch training whose loop a framework owns: the framework's hooks call in."""

from collections.abc import Callable, Sequence
from typing import Any

from torch.optim import Optimizer

from lr_finder.core.sweep import Sweep
from lr_finder.integrations.torch_ramp import IDLE_CALLS, checked_loss, is_lost, range_test
from lr_finder.integrations.torch_rates import SweptRates


class HookedSweep:
    """While entered, the optimizers step at the rates of a sweep, and the losses given become its curve.

    Args:
        sweep: The rates.
        optimizers: Those that the training steps.
        combine: Makes one loss of those of an optimizer step: its batches where it accumulates, and all ranks.
        on_step: Called after each optimizer step.

    Attributes:
        test: The range test.
    """

    def __init__(
        self,
        sweep: Sweep,
        optimizers: Sequence[Optimizer],
        *,
        combine: Callable[[list[Any]], Any],
        on_step: Callable[[], object],
    ):
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        self.test = range_test(sweep, groups)
        self._rates = SweptRates(self.test, optimizers, groups, sweep.wd)
        self._combine = combine
        self._on_step = on_step
        self._steps_seen = 0
        self._idle_batches = 0
        self._losses: list[Any] = []

    def __enter__(self) -> "HookedSweep":
        self._rates.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._rates.__exit__(*error)

    def add_batch(self, loss: Any) -> None:
        """Takes the loss of a batch, measured before the step that the batch leads to; None where it was skipped."""
        self._idle_batches += 1
        if self._idle_batches > IDLE_CALLS:
            raise RuntimeError(
                f"no optimizer step was taken in {IDLE_CALLS} batches: the gradient scaler skipped them all, or the "
                "training steps another optimizer than the one it showed"
            )
        if loss is not None:
            self._losses.append(checked_loss(loss))

    def end_step(self) -> None:
        """Records the step that the optimizer was asked for, unless a gradient scaler skipped it for its scale."""
        losses, self._losses = self._losses, []
        has_stepped = self._rates.steps > self._steps_seen
        self._steps_seen = self._rates.steps
        if not losses:
            return
        loss = self._combine(losses)
        if has_stepped or is_lost(loss):
            self._idle_batches = 0
            self.test.record(loss)
            self._on_step()
