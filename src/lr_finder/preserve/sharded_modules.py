"""FSDP: what a step that was cut short leaves gathered is sharded again, before anything else is put back."""

from functools import partial
from typing import Any

from torch import nn
from torch.distributed.fsdp import FSDPModule, FullyShardedDataParallel

from lr_finder.preserve.attributes import save_attributes
from lr_finder.preserve.snapshot import Snapshot, save

_save_module = save.dispatch(nn.Module)


@save.register
def _save_fully_sharded(module: FSDPModule, snapshot: Snapshot) -> None:
    _save_module(module, snapshot)
    for group in _parameter_groups(module):
        _save_held_gradients(group, snapshot)
    snapshot.postpone(_reshard_first, module)


def _parameter_groups(module: FSDPModule) -> list[Any]:
    """What torch keeps of parameters that are gathered together, out of the module's sight."""
    state: Any = module._get_fsdp_state()
    if hasattr(state, "_fsdp_param_groups"):  # torch 2.13
        return state._fsdp_param_groups
    return [] if state._fsdp_param_group is None else [state._fsdp_param_group]


def _save_held_gradients(group: Any, snapshot: Snapshot) -> None:
    """Saves gradients that are not yet sent to their shards, as while they accumulate or after a step cut short."""
    holders = [(group, "_partial_reduce_output")]
    for parameter in group.fsdp_params:
        holders.append((parameter, "unsharded_accumulated_grad"))
        if hasattr(parameter, "_unsharded_param"):
            holders.append((parameter._unsharded_param, "grad"))
    held = [(holder, name, getattr(holder, name)) for holder, name in holders]
    for _, _, gradient in held:
        snapshot.add(gradient)

    def restore() -> None:
        for parameter in group.fsdp_params:
            if hasattr(parameter, "_unsharded_param"):  # made for the first step
                parameter._unsharded_param.grad = None
        for holder, name, gradient in held:
            setattr(holder, name, gradient)

    snapshot.on_restore(restore)


@save.register
def _save_fully_sharded_data_parallel(module: FullyShardedDataParallel, snapshot: Snapshot) -> None:
    _save_module(module, snapshot)
    for thing in (module._handle, module._exec_order_data):  # they know where in a step the module is
        if thing is not None:
            save_attributes(thing, snapshot)
    snapshot.postpone(_reshard_flat_first, module)


def _reshard_first(modules: list[FSDPModule], snapshot: Snapshot) -> None:
    """Has modules sharded before their attributes are put back: those that gathering exchanges, what tells of it."""
    for module in modules:
        snapshot.on_restore(partial(_reshard, module))


def _reshard_flat_first(modules: list[FullyShardedDataParallel], snapshot: Snapshot) -> None:
    for module in modules:
        snapshot.on_restore(partial(_reshard_flat, module))


def _reshard(module: FSDPModule) -> None:
    if hasattr(module, "reset_iter_state") and module._get_fsdp_state()._is_root:  # torch 2.13
        module.reset_iter_state()
    module.reshard()


def _reshard_flat(module: FullyShardedDataParallel) -> None:
    handle = module._handle
    if handle is None or not hasattr(handle.flat_param, "_full_param_padded"):
        return  # there are no parameters, or no forward pass was made
    handle.reshard(free_unsharded_flat_param=True)
    handle.post_reshard()
