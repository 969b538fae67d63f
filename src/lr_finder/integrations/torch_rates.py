"""The rates of a sweep, written into torch optimizers right before each of their steps."""

from collections.abc import Sequence
from typing import Any

from torch.optim import Optimizer

from lr_finder.core.parameter_groups import Groups, read_lrs, write_lrs
from lr_finder.core.range_test import RangeTest

FOREIGN_WRITER = (
    "Something other than the search set the learning rate during it, perhaps a scheduler that the training step "
    "steps; the search used its own rates all the same."
)


class SweptRates:
    """While entered, every step of the optimizers uses the rate that the range test asks for.

    The rate is written in a hook right before the step, so that a scheduler or a warm-up inside the user's step can't
    come between; the hook also tells real steps from those that accumulate or that a gradient scaler skips.
    """

    def __init__(self, test: RangeTest, optimizers: Sequence[Optimizer], groups: Groups, wd: float | None):
        self.steps = 0
        self._test = test
        self._wd = wd
        self._optimizers = optimizers
        self._groups = groups
        self._written: list[float] = []
        self._hooks: list[Any] = []

    def __enter__(self) -> "SweptRates":
        if self._wd is not None:
            for group in self._groups:
                if "weight_decay" not in group:
                    raise ValueError("wd must be None for an optimizer whose groups have no weight_decay")
                group["weight_decay"] = self._wd
        self.write()
        self._hooks = [optimizer.register_step_pre_hook(self._before_step) for optimizer in self._optimizers]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _before_step(self, *_: Any) -> None:
        self.steps += 1
        self.write()

    def write(self) -> None:
        """Sets the rate of the next step; also called ahead of it, for code that reads the rate before that."""
        if self._written and read_lrs(self._groups) != self._written and FOREIGN_WRITER not in self._test.notes:
            self._test.notes.append(FOREIGN_WRITER)
        write_lrs(self._groups, self._test.group_lrs)
        self._written = read_lrs(self._groups)
