"""The rates of parameter groups as a sweep wrote them, and whether anything else has written since."""

import torch

from lr_finder.curve.parameter_groups import Groups, write_lrs


class WrittenRates:
    """Writes the rates of parameter groups, and knows them again.

    Args:
        groups: Those of all optimizers together.
    """

    def __init__(self, groups: Groups):
        self._groups = groups
        self._remember()

    def write(self, lrs: list[float]) -> None:
        """Sets the rate of each group."""
        write_lrs(self._groups, lrs)
        self._remember()

    def are_overwritten(self) -> bool:
        """Whether something else has set a rate since they were written."""
        if self._versions and any(lr._version != version for lr, version in self._versions):
            return True
        return [group["lr"] for group in self._groups] != self._lrs

    def _remember(self) -> None:
        self._lrs = [group["lr"] for group in self._groups]
        # Of a tensor the count of its changes: its value may be on a device that is at work.
        self._versions = [(lr, lr._version) for lr in self._lrs if isinstance(lr, torch.Tensor)]
