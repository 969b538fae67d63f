"""The optimizers of the benchmark: `(model, lr) -> optimizer`, with customary settings but for the last ones."""

from collections.abc import Callable

import torch
from torch import nn
from torch.optim import SGD, AdamW, Muon, Optimizer, RMSprop, SparseAdam


class Lion(Optimizer):
    """Steps by the sign of the interpolated momentum (Chen et al. 2023, algorithm 2)."""

    def __init__(self, params, lr: float, betas: tuple[float, float] = (0.9, 0.99)):
        super().__init__(params, {"lr": lr, "betas": betas})

    @torch.no_grad()
    def step(self, closure=None):
        """Takes one step; the closure, where given, computes the loss first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                momentum = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
                parameter.sub_(torch.lerp(parameter.grad, momentum, beta1).sign(), alpha=group["lr"])
                momentum.lerp_(parameter.grad, 1 - beta2)
        return loss


def _trainable(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


OPTIMIZERS: dict[str, Callable[[nn.Module, float], Optimizer]] = {
    "sgd": lambda model, lr: SGD(_trainable(model), lr),
    "momentum": lambda model, lr: SGD(_trainable(model), lr, momentum=0.9),
    "adamw": lambda model, lr: AdamW(_trainable(model), lr),
    "rmsprop": lambda model, lr: RMSprop(_trainable(model), lr),
    "lion": lambda model, lr: Lion(_trainable(model), lr),
    "muon": lambda model, lr: Muon(_trainable(model), lr),  # matrices only: for models without biases
    "sparse_adam": lambda model, lr: SparseAdam(_trainable(model), lr),
    # With another momentum than is customary:
    "sgd_m0.5": lambda model, lr: SGD(_trainable(model), lr, momentum=0.5),
    "sgd_m0.99": lambda model, lr: SGD(_trainable(model), lr, momentum=0.99),
    "adamw_m0": lambda model, lr: AdamW(_trainable(model), lr, betas=(0.0, 0.999)),
    "adamw_m0.99": lambda model, lr: AdamW(_trainable(model), lr, betas=(0.99, 0.999)),
    "rmsprop_m0.9": lambda model, lr: RMSprop(_trainable(model), lr, momentum=0.9),
}
