"""Gradients that a training throws away before it looks at them: set aside for the block, and not copied."""

from dataclasses import dataclass

import torch
from torch.optim import Optimizer

from lr_finder.preserve.snapshot import Snapshot, save


@dataclass(frozen=True, eq=False)
class ZeroedFirst:
    """Tells `preserve` that the block begins with the `zero_grad()` of an optimizer.

    What that takes off a parameter is written to by nobody: the block begins without it, and afterwards the very same
    tensor hangs there again. The others are copied: those that the optimizer may zero in place, with a `zero_grad()` of
    its own, and those whose memory is not theirs alone, as where `DistributedDataParallel` has its buckets under them.
    """

    optimizer: Optimizer


@save.register
def _set_aside(zeroed: ZeroedFirst, snapshot: Snapshot) -> None:
    if getattr(type(zeroed.optimizer), "zero_grad", None) is not Optimizer.zero_grad:
        return
    parameters = [parameter for group in zeroed.optimizer.param_groups for parameter in group["params"]]
    with torch._C.DisableTorchFunctionSubclass():  # a lazy parameter would refuse to be looked at
        aside = [parameter for parameter in parameters if parameter.grad is not None and _is_alone(parameter.grad)]
    for parameter in aside:
        snapshot.skip(parameter.grad)

    def begin_without() -> None:
        for parameter in aside:
            parameter.grad = None

    snapshot.on_start(begin_without)


def _is_alone(gradient: torch.Tensor) -> bool:
    """Whether nothing else holds the memory of a plain tensor."""
    if type(gradient) is not torch.Tensor or gradient.layout is not torch.strided or gradient.requires_grad:
        return False
    storage = gradient.untyped_storage()
    return torch._C._storage_Use_Count(storage._cdata) <= 2  # the tensor and `storage`
