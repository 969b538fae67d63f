"""Losses of a model that several processes train together: all of them must see the same, and stop at the same step."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

Read = Callable[[Sequence[Any]], list[float]]


def read(losses: Sequence[Any]) -> list[float]:
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
        return read
    from torch.distributed.tensor import DTensor  # absent in builds of torch without distribution
    from torch.nn.parallel import DistributedDataParallel

    modules = [module for thing in state if isinstance(thing, nn.Module) for module in thing.modules()]
    for module in modules:
        if isinstance(module, DistributedDataParallel):
            return _averaged(next(module.parameters()).device, module.process_group)
    parameters = [parameter for module in modules for parameter in module.parameters(recurse=False)]
    sharded = next((parameter for parameter in parameters if isinstance(parameter, DTensor)), None)
    return read if sharded is None else _averaged(sharded.device, None)


def _averaged(device: torch.device, group: Any) -> Read:
    def read_averaged(losses: Sequence[Any]) -> list[float]:
        mine = torch.tensor(read(losses), dtype=torch.float64, device=device)
        dist.all_reduce(mine, group=group)
        return (mine / dist.get_world_size(group)).tolist()

    return read_averaged
