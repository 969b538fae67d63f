"""Losses of a model that several processes train together: all of them must see the same, and stop at the same step."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from lr_finder.core.step import Read, SharedRead


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
            return _averaged_over(module.process_group, next(module.parameters()).device)
    parameters = [parameter for module in modules for parameter in module.parameters(recurse=False)]
    sharded = next((parameter for parameter in parameters if isinstance(parameter, DTensor)), None)
    return read_local if sharded is None else _averaged_over(None, sharded.device)


def reader_with(mean: Callable[[torch.Tensor], Any], device: torch.device) -> Read:
    """What reads the losses where a framework averages over the processes: all that were recorded, in one message.

    Args:
        mean: The mean of a tensor over the processes.
        device: Where that can be had.
    """

    def read_averaged(losses: Sequence[Any]) -> list[float]:
        return mean(torch.tensor(read_local(losses), dtype=torch.float64, device=device)).tolist()

    return SharedRead(read_averaged)


def _averaged_over(group: Any, device: torch.device) -> Read:
    def mean(mine: torch.Tensor) -> torch.Tensor:
        dist.all_reduce(mine, group=group)
        return mine / dist.get_world_size(group)

    return reader_with(mean, device)
