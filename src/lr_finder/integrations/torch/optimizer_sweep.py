"""A sweep over torch optimizers: its rates are written right before each of their steps."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch.optim import Optimizer

from lr_finder.core.ramp import Validate
from lr_finder.core.range_test import READ_EVERY, RangeTest
from lr_finder.core.step import Read, SharedRead
from lr_finder.curve.horizon import Horizon
from lr_finder.curve.parameter_groups import Groups, base_lrs, groups_of, largest_momentum
from lr_finder.curve.sweep import Sweep
from lr_finder.curve.training import Training
from lr_finder.integrations.search import OnStep
from lr_finder.integrations.torch.stepping import before_each_step, with_wrapped
from lr_finder.integrations.torch.written_rates import WrittenRates

FOREIGN_WRITER = (
    "Something other than the search set the learning rate during it, perhaps a scheduler that the training step "
    "steps; the search used its own rates all the same."
)

OWN_STEP_SIZE = (
    "The optimizer estimates its step size itself, as Prodigy and D-Adaptation do, and lr is a factor of that: 1 is "
    "what it is made for."
)


class OptimizerSweep:
    """While entered, every step of the optimizers uses the rate that the range test of a sweep asks for.

    The rate is written in a hook right before the step, so that a scheduler or a warm-up inside the user's step can't
    come between; the hook also tells real steps from those that accumulate or that a gradient scaler skips.

    Args:
        sweep: The rates.
        optimizers: Those that the training steps.
        read: Turns losses into numbers, averaged over the processes where there are several.
        on_step: Called after each optimizer step.
        validate: Gives a validation loss after the last step.
        batch_size: Samples per optimizer step, for the record.
        horizon: The training to come, where it is known.

    Attributes:
        test: The range test; its curve is kept whatever ends the block.
    """

    def __init__(
        self,
        sweep: Sweep,
        optimizers: Sequence[Optimizer],
        *,
        read: Read,
        on_step: OnStep,
        validate: Validate | None = None,
        batch_size: int | None = None,
        horizon: Horizon | None = None,
    ):
        self._optimizers = optimizers
        on_accelerator = any(p.device.type != "cpu" for group in self._groups for p in group["params"])
        self.test = RangeTest.over(
            sweep,
            current_lrs=base_lrs(self._groups),
            read=read,
            read_every=READ_EVERY if on_accelerator or isinstance(read, SharedRead) else 1,
            validate=validate,
            momentum=largest_momentum(self._groups),
            training=Training.of(optimizers, batch_size=batch_size, seed=torch.initial_seed(), horizon=horizon),
            on_step=on_step,
        )
        self.test.notes += [OWN_STEP_SIZE for group in self._groups[:1] if "d" in group]
        self._wd = sweep.wd
        self._rates = WrittenRates(optimizers)
        self._written_step = -1
        self._watches = ExitStack()
        self._has_stepped = False
        self._found_inf: torch.Tensor | None = None

    @property
    def _groups(self) -> Groups:
        return groups_of(self._optimizers)

    def __enter__(self) -> "OptimizerSweep":
        if self._wd is not None:
            for group in self._groups:
                if "weight_decay" not in group:
                    raise ValueError("wd must be None for an optimizer whose groups have no weight_decay")
                group["weight_decay"] = self._wd
        self.write()
        for optimizer in self._optimizers:
            for stepping in with_wrapped(optimizer):
                self._watches.callback(before_each_step(stepping, self._before_step))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        self._watches.close()
        return self.test.__exit__(kind, error, trace)

    def has_stepped(self) -> bool:
        """Whether an optimizer has stepped since this was last asked."""
        has_stepped, self._has_stepped = self._has_stepped, False
        found_inf, self._found_inf = self._found_inf, None
        return has_stepped and (found_inf is None or not found_inf.item())

    def _before_step(self, optimizer: Any = None, *_: Any) -> None:
        self._has_stepped = True
        # A gradient scaler leaves it to a fused optimizer to do nothing where the gradients are not finite.
        self._found_inf = getattr(optimizer, "found_inf", None)
        self.write()

    def write(self) -> None:
        """Sets the rate of the next step; also called ahead of it, for code that reads the rate before that."""
        is_overwritten = self._rates.are_overwritten()
        if is_overwritten and FOREIGN_WRITER not in self.test.notes:
            self.test.notes.append(FOREIGN_WRITER)
        if is_overwritten or self._written_step != self.test.steps_taken:
            self._rates.write(self.test.group_lrs.tolist())
            self._written_step = self.test.steps_taken
