"""Torch modules: parameters, buffers, flags, and every attribute that a forward pass may change."""

import torch
from torch import nn

from lr_finder.preserve.snapshot import Snapshot, save, save_attributes
from lr_finder.preserve.tensors import save_flags


@save.register
def _save_module(module: nn.Module, snapshot: Snapshot) -> None:
    parameters = list(module.parameters())
    frozen = [parameter for parameter in parameters if not parameter.requires_grad]
    trained_bytes = sum(parameter.nbytes for parameter in parameters if parameter.requires_grad)
    # A frozen target network is updated by the step itself, and never larger than the network that it follows; a
    # frozen base under small adapters is larger, and nothing changes it.
    if sum(parameter.nbytes for parameter in frozen) > trained_bytes > 0:
        for parameter in frozen:
            if snapshot.skip(parameter):
                save_flags(parameter, snapshot)
    # Parameters, buffers (also those that a state dict leaves out), submodules, the train/eval flag, counters and
    # plain tensors are all attributes, or in dictionaries that are.
    save_attributes(module, snapshot)


@save.register
def _save_scaler(scaler: torch.amp.GradScaler, snapshot: Snapshot) -> None:
    save_attributes(scaler, snapshot)
