"""Parameters: frozen ones that no training step changes are watched instead of copied."""

import torch

from lr_finder.preserve.snapshot import Snapshot
from lr_finder.preserve.storages import copy_storages, watch_storages


def save_parameters(parameters: list[torch.Tensor], snapshot: Snapshot) -> None:
    """Saves the values of all parameters that were reached, of all models and optimizers together."""
    idle = {id(parameter) for parameter in _idle(parameters, snapshot)}
    for parameter in parameters:
        save = watch_storages if id(parameter) in idle else copy_storages
        save(parameter, snapshot)


def _idle(parameters: list[torch.Tensor], snapshot: Snapshot) -> list[torch.Tensor]:
    """The parameters that need no copy: the frozen base under small adapters, say.

    Some frozen parameters do change. Those of a target or teacher network follow trained ones and have their shapes;
    others, such as a codebook that the model itself updates, are small beside what is trained. So a frozen parameter
    is idle where no trained one has its shape, and where all such together outweigh what is trained.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad or parameter.grad is not None]
    shapes = {parameter.shape for parameter in trained}
    idle = [p for p in parameters if p.shape not in shapes and not snapshot.is_given(p)]
    return idle if _nbytes(idle) > _nbytes(trained) > 0 else []


def _nbytes(parameters: list[torch.Tensor]) -> int:
    return sum(parameter.numel() * parameter.element_size() for parameter in parameters)
