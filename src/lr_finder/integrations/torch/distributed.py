"""Losses of a model that several processes train together: all of them must see the same, and stop at the same step."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import torch
import torch.distributed as dist
from torch import nn

from lr_finder.core.step import Read, SharedRead

Group: TypeAlias = Any
"""A `torch.distributed.ProcessGroup`, which builds of torch without distribution do not have; None for all."""


def read_local(losses: Sequence[Any]) -> list[float]:
    """Reads losses from their device in one go."""
    if all(isinstance(loss, torch.Tensor) for loss in losses):
        return torch.stack([loss.reshape(()) for loss in losses]).double().tolist()
    return [float(loss) for loss in losses]


def reader_for(state: Iterable[Any]) -> Read:
    """What reads the losses: averaged over the processes where a module of the training is spread over several.

    `DistributedDataParallel` and FSDP2 (`fully_shard`) are known. A process group alone says nothing: only one of its
    processes may be searching.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return read_local
    from torch.distributed.tensor import DTensor  # absent in builds of torch without distribution
    from torch.nn.parallel import DistributedDataParallel

    modules = [module for thing in state if isinstance(thing, nn.Module) for module in thing.modules()]
    for module in modules:
        if isinstance(module, DistributedDataParallel):
            return Processes(module.process_group, next(module.parameters()).device)
    parameters = [parameter for module in modules for parameter in module.parameters(recurse=False)]
    sharded = next((parameter for parameter in parameters if isinstance(parameter, DTensor)), None)
    return read_local if sharded is None else Processes(None, sharded.device)


class Processes(SharedRead):
    """The processes that train a model together.

    Args:
        group: Theirs; None for all.
        device: Where their messages are made.
    """

    def __init__(self, group: Group, device: torch.device):
        self._group = group
        self._device = device

    def __call__(self, losses: Sequence[Any]) -> list[float]:
        """The mean of each loss over the processes, in one message for all of them.

        They are gathered and added here, in the order of the ranks: what a reduction on the way gives depends on how
        many there are, and so on when they are read.
        """
        return [sum(of_all) / len(of_all) for of_all in zip(*self._gather(read_local(losses)), strict=True)]

    def _gather(self, numbers: Sequence[float]) -> list[list[float]]:
        """The numbers of each process, by rank."""
        mine = torch.tensor(numbers, dtype=torch.float64, device=self._device)
        of_all = [torch.empty_like(mine) for _ in range(dist.get_world_size(self._group))]
        dist.all_gather(of_all, mine, group=self._group)
        return torch.stack(of_all).tolist()
