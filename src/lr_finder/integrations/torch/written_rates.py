"""The rates of parameter groups as a sweep wrote them, and whether anything else has written since."""

from collections.abc import Sequence

import torch
from torch.optim import Optimizer

from lr_finder.curve.parameter_groups import Groups, groups_of, write_lrs


class WrittenRates:
    """Writes the rates of the parameter groups of optimizers, and knows them again.

    Args:
        optimizers: Those whose groups are meant, all together.
    """

    def __init__(self, optimizers: Sequence[Optimizer]):
        self._optimizers = optimizers
        self._remember(groups_of(optimizers))

    def write(self, lrs: list[float]) -> None:
        """Sets the rate of each group."""
        groups = groups_of(self._optimizers)
        write_lrs(groups[: len(lrs)], lrs)  # one that the training adds keeps its own
        self._remember(groups)

    def are_overwritten(self) -> bool:
        """Whether something else has set a rate since they were written."""
        if self._versions and any(lr._version != version for lr, version in self._versions):
            return True
        return [group["lr"] for group in groups_of(self._optimizers)] != self._lrs

    def _remember(self, groups: Groups) -> None:
        self._lrs = [group["lr"] for group in groups]
        # Of a tensor the count of its changes: its value may be on a device that is at work.
        self._versions = [(lr, lr._version) for lr in self._lrs if isinstance(lr, torch.Tensor)]
