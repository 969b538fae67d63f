"""A ramp over any torch training that can be had as a function of one step."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim import Optimizer

from lr_finder.core.curve import Curve, Ramp
from lr_finder.core.parameter_groups import Groups, base_lrs, largest_momentum
from lr_finder.core.range_test import RangeTest
from lr_finder.core.stopping import StopReason
from lr_finder.core.sweep import Sweep
from lr_finder.integrations.batches import DataEndedError
from lr_finder.integrations.torch_processes import reader_for
from lr_finder.integrations.torch_rates import SweptRates
from lr_finder.preserve import preserve

IDLE_CALLS = 1000
"""A training that has not stepped its optimizer after this many calls is taken to be wrong."""

READ_EVERY = 8
"""Losses that wait on an accelerator before they are read: reading one stops the queue of work."""


@dataclass(frozen=True)
class Training:
    """A training as a range test needs it.

    Args:
        step: Trains one step and returns the loss before it; raises `DataEndedError` where there are no more batches.
        optimizers: Those that `step` steps.
        state: Everything that `step` changes, the optimizers included.
        restart: Called before each ramp, with everything put back.
    """

    step: Callable[[], Any]
    optimizers: Sequence[Optimizer]
    state: Sequence[Any]
    restart: Callable[[], object] = lambda: None

    def ramp(self, on_step: Callable[[], object]) -> Ramp:
        """The seam that the search calls; `on_step` is called after each optimizer step."""

        def ramp(sweep: Sweep) -> Curve:
            with preserve(*self.state):
                self.restart()
                return self._climb(sweep, on_step)

        return ramp

    def _climb(self, sweep: Sweep, on_step: Callable[[], object]) -> Curve:
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        test = range_test(sweep, groups, self.state)
        with SweptRates(test, self.optimizers, groups, sweep.wd) as rates:
            try:
                while not test.has_ended:
                    rates.write()
                    test.record(self._optimizer_step(rates))
                    on_step()
            except DataEndedError:
                test.stop(StopReason.DATA_ENDED)
            except StopIteration as error:
                ended = RuntimeError(
                    "the step function came to the end of an iterator that it holds, and which no ramp can start over; "
                    "give the loader itself: lr_find(step, ..., train_loader=loader), where step(batch) gets a batch"
                )
                test.keep_partial(ended)
                raise ended from error
            except BaseException as error:
                test.keep_partial(error)
                raise
        return test.curve

    def _optimizer_step(self, rates: SweptRates) -> Any:
        """Trains until an optimizer steps: calls that accumulate, or that a gradient scaler skips, are no step."""
        steps_before = rates.steps
        for _ in range(IDLE_CALLS):
            loss = self.step()
            if rates.steps > steps_before or is_lost(loss):
                return checked_loss(loss)
        raise RuntimeError(
            f"no optimizer step was taken in {IDLE_CALLS} training steps: the gradient scaler skipped them all, or the "
            "step function steps another optimizer than the one given"
        )


def range_test(sweep: Sweep, groups: Groups, state: Sequence[Any] = ()) -> RangeTest:
    """The range test of a sweep over parameter groups of torch optimizers; `state` holds the models, if given."""
    on_accelerator = any(p.device.type != "cpu" for group in groups for p in group["params"])
    return RangeTest.over(
        sweep,
        current_lrs=base_lrs(groups),
        read=reader_for(state),
        read_every=READ_EVERY if on_accelerator else 1,
        momentum=largest_momentum(groups),
    )


def checked_loss(loss: Any) -> Any:
    """The loss, without its graph; it stays on its device."""
    if loss is None:
        raise TypeError("the step function must return the loss of its step, got None")
    if not isinstance(loss, torch.Tensor):
        return float(loss)
    if loss.numel() != 1:
        raise ValueError(f"the loss must be a scalar, got a tensor of shape {tuple(loss.shape)}")
    return loss.detach()


def is_lost(loss: Any) -> bool:
    """Whether a loss without a step is NaN or infinite: its gradient scaler would skip every later step too."""
    return loss is not None and not math.isfinite(checked_loss(loss))
