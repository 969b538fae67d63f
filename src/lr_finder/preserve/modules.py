"""Torch modules: parameters, buffers, flags, and every attribute that a forward pass may change."""

import sys
from collections.abc import MutableMapping

import torch
from torch import nn

from lr_finder.preserve.attributes import save_attributes
from lr_finder.preserve.snapshot import Snapshot, save


@save.register
def _save_module(module: nn.Module, snapshot: Snapshot) -> None:
    # Parameters, buffers (also those that a state dict leaves out), submodules, the train/eval flag, counters and
    # plain tensors are all attributes, or in dictionaries that are.
    save_attributes(module, snapshot)
    kind = type(module)

    def restore() -> None:
        if type(module) is not kind:  # a lazy module became what it stands for
            module.__class__ = kind

    snapshot.on_restore(restore)
    snapshot.postpone(_save_composed, module)


def _save_composed(modules: list[nn.Module], snapshot: Snapshot) -> None:
    """Saves which modules were given to `fully_shard` and the like: torch has a list of them, and takes none twice."""
    before = {id(module) for module in _composed()}  # not every module has a hash

    def restore() -> None:
        composed = _composed()
        since = {id(module) for module in composed} - before
        for module in modules:
            if id(module) in since:
                composed.pop(module)

    snapshot.on_restore(restore)


def _composed() -> MutableMapping[nn.Module, object]:
    """Torch's list of them; an empty one before it is there."""
    module = sys.modules.get("torch.distributed._composable_state")
    return {} if module is None else module._module_state_mapping


@save.register
def _save_script_module(module: torch.jit.ScriptModule, snapshot: Snapshot) -> None:
    # TorchScript keeps its state out of Python's sight.
    for tensor in (*module.parameters(), *module.buffers()):
        snapshot.add(tensor)
    flags = [(part, part.training) for part in module.modules()]

    def restore() -> None:
        for part, training in flags:
            part.training = training

    snapshot.on_restore(restore)
