"""How a training is spread over processes: the groups whose processes must see the same losses, and stop together."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from lr_finder.integrations.torch.leaving import Group
from lr_finder.integrations.torch.processes import Processes
from lr_finder.integrations.torch.stepping import is_optimizer


class Spread:
    """The process groups over which a training is spread: those of its modules, and those in which its steps meet.

    That there is a group says nothing: only one of its processes may be searching. But a step that enters a collective
    is taken by all processes of the group or hangs. So they must stop together, whoever enters it:
    `DistributedDataParallel` around a module that was given without it, modules sharded in any way, an optimizer, or a
    line of the step function that averages the gradients.

    Args:
        state: What the training changes.
        process_group: A group over which the losses are averaged whatever the steps do.

    Raises:
        ValueError: This process is not in the group.
        TypeError: It is no group.
    """

    def __init__(self, state: Iterable[Any], process_group: Group | None = None):
        mine = _groups_of_this_process()
        given = [] if process_group is None else [_checked(process_group, mine)]
        self._known = [*given, *(_groups_in(state) if mine else ())]
        self._device = next((parameter.device for parameter in _parameters(state)), None)
        self._entered = {group: _collectives_entered(group) for group in mine}

    def processes(self) -> Processes:
        """The processes of the groups, for one search; this one alone where there is no other."""
        are_others = any(group.size() > 1 for group in self._entered)
        return Processes((lambda: self.groups) if are_others else None, self._device)

    @property
    def groups(self) -> list[Group]:
        """The groups, as far as they are known by now: some show only once the training has stepped."""
        met = (group for group, before in self._entered.items() if _collectives_entered(group) != before)
        return list(dict.fromkeys([*self._known, *met]))

    @property
    def note(self) -> str | None:
        """What to say where this process searched by itself and is not the only one."""
        processes = _count_processes()
        if processes == 1 or self.groups:
            return None
        return (
            f"This is one of {processes} processes, and it searched by itself, by the losses of its own batches. Where "
            "all of them train together, wrap the model (DistributedDataParallel, fully_shard), or give "
            "process_group=torch.distributed.group.WORLD."
        )


def _groups_in(state: Iterable[Any]) -> Iterator[Group]:
    """The groups that are known before any step: those of `DistributedDataParallel` and of sharded parameters."""
    from torch.distributed.tensor import DTensor  # absent in builds of torch without distribution
    from torch.nn.parallel import DistributedDataParallel

    for module in (module for thing in state if isinstance(thing, nn.Module) for module in thing.modules()):
        if isinstance(module, DistributedDataParallel):
            yield module.process_group
    for parameter in _parameters(state):
        if isinstance(parameter, DTensor):
            yield from parameter.device_mesh.get_all_groups()


def _parameters(state: Iterable[Any]) -> Iterator[torch.Tensor]:
    """The parameters of the modules and of the optimizers."""
    for thing in state:
        if isinstance(thing, nn.Module):
            yield from thing.parameters()
        elif is_optimizer(thing):
            yield from (parameter for group in thing.param_groups for parameter in group["params"])


def _groups_of_this_process() -> list[Group]:
    """All groups that this process is in; they were made in the same order in every one of their processes."""
    if not (dist.is_available() and dist.is_initialized()):
        return []
    return list(dist.distributed_c10d._world.pg_map)


def _checked(group: Group, mine: list[Group]) -> Group:
    if group in mine:
        return group
    if group == dist.GroupMember.NON_GROUP_MEMBER:
        raise ValueError("process_group must be one that this process is in, and it is not")
    raise TypeError(
        f"process_group must be a ProcessGroup, got {group!r}; that of all processes is torch.distributed.group.WORLD"
    )


def _collectives_entered(group: Group) -> list[int]:
    """How many collectives this process has entered in a group, for each kind of device that the group serves."""
    counts = []
    for device in group._device_types:
        with suppress(RuntimeError):  # a backend that does not count
            counts.append(group._get_backend(device)._get_sequence_number_for_group())
    return counts


def _count_processes() -> int:
    if not dist.is_available():
        return 1
    if dist.is_initialized():
        return dist.get_world_size()
    return int(os.environ.get("WORLD_SIZE", 1)) if dist.is_torchelastic_launched() else 1
