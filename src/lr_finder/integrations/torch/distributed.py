"""Which processes train a model together."""

from collections.abc import Iterable
from typing import Any

import torch.distributed as dist
from torch import nn

from lr_finder.integrations.torch.processes import Processes


def processes_for(state: Iterable[Any]) -> Processes:
    """Those over which a module of the training is spread; this one alone where there is none.

    `DistributedDataParallel` and FSDP2 (`fully_shard`) are known. A process group alone says nothing: only one of its
    processes may be searching.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return Processes()
    from torch.distributed.tensor import DTensor  # absent in builds of torch without distribution
    from torch.nn.parallel import DistributedDataParallel

    modules = [module for thing in state if isinstance(thing, nn.Module) for module in thing.modules()]
    wrapped = next((module for module in modules if isinstance(module, DistributedDataParallel)), None)
    if wrapped is not None:
        return Processes(lambda: [wrapped.process_group], next(wrapped.parameters()).device)
    parameters = [parameter for module in modules for parameter in module.parameters(recurse=False)]
    sharded = next((parameter for parameter in parameters if isinstance(parameter, DTensor)), None)
    return Processes() if sharded is None else Processes(lambda: [dist.group.WORLD], sharded.device)
