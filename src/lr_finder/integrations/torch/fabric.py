"""Models that Lightning's Fabric has set up: their gradients are made by its strategy, and not by the loss itself.

Fabric is not imported here: whoever has such a model has imported it.
"""

import sys
from typing import Any

import torch
from torch import nn


def fabric_module(model: nn.Module) -> Any | None:
    """What Fabric has made of a model, also under `torch.compile`; None for a model that it has not set up."""
    module: Any = getattr(model, "_orig_mod", model)
    return module if type(module).__name__ == "_FabricModule" else None


def backward(module: Any, loss: torch.Tensor) -> None:
    """What `fabric.backward(loss)` does, for one who has the module and not the Fabric."""
    wrappers: Any = sys.modules[type(module).__module__]
    wrappers._in_fabric_backward = True  # without it a hook on the output refuses: it asks for fabric.backward
    try:
        module._strategy.backward(loss, module._forward_module)
    finally:
        wrappers._in_fabric_backward = False
