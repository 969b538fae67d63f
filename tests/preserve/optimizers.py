"""Optimizers of every kind; some can't take every parameter and have a second one beside them."""

from collections.abc import Callable

import prodigyopt
import schedulefree
import torch
import torch_optimizer
from torch import nn, optim


def muon(model: nn.Module) -> list[optim.Optimizer]:
    matrices = [parameter for parameter in trained(model) if parameter.dim() == 2]
    others = [parameter for parameter in trained(model) if parameter.dim() != 2]
    return [optim.Muon(matrices, lr=0.01), optim.AdamW(others, lr=0.01)]


def sparse_adam(model: nn.Module) -> list[optim.Optimizer]:
    tables = [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]
    others = [parameter for parameter in trained(model) if not any(parameter is table for table in tables)]
    return [optim.SparseAdam(tables, lr=0.01), optim.SGD(others, lr=0.05)]


def adam_and_sgd(model: nn.Module) -> list[optim.Optimizer]:
    first, *rest = trained(model)
    return [optim.SGD([first], lr=0.1), optim.Adam(rest, lr=0.001)]


def two_groups(model: nn.Module) -> list[optim.Optimizer]:
    first, *rest = trained(model)
    return [optim.SGD([{"params": [first], "lr": 0.001}, {"params": rest}], lr=0.1, momentum=0.9)]


def schedule_free(model: nn.Module) -> list[optim.Optimizer]:
    optimizer = schedulefree.AdamWScheduleFree(trained(model), lr=0.01, warmup_steps=3)
    optimizer.train()
    return [optimizer]


def lookahead(model: nn.Module) -> list[optim.Optimizer]:
    """One that wraps another and never calls `Optimizer.__init__`."""
    return [torch_optimizer.Lookahead(optim.SGD(trained(model), lr=0.05, momentum=0.9), k=3)]


def trained(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def one(make: Callable[..., optim.Optimizer], **options) -> Callable[[nn.Module], list[optim.Optimizer]]:
    return lambda model: [make(trained(model), **options)]


OPTIMIZERS = {
    "SGD": one(optim.SGD, lr=0.05),
    "momentum": one(optim.SGD, lr=0.05, momentum=0.9),
    "Nesterov": one(optim.SGD, lr=0.05, momentum=0.9, nesterov=True),
    "two groups": two_groups,
    "AdamW": one(optim.AdamW, lr=0.01, foreach=False),
    "AdamW foreach": one(optim.AdamW, lr=0.01, foreach=True),
    "AdamW fused": one(optim.AdamW, lr=0.01, fused=True),
    "AdamW tensor lr": lambda model: [optim.AdamW(trained(model), lr=torch.tensor(0.01), foreach=False)],
    "AMSGrad": one(optim.Adam, lr=0.01, amsgrad=True),
    "RMSprop": one(optim.RMSprop, lr=0.01, momentum=0.5, centered=True),
    "Adagrad": one(optim.Adagrad, lr=0.05),
    "Adafactor": one(optim.Adafactor, lr=0.01),
    "LBFGS": one(optim.LBFGS, lr=0.05, max_iter=2, history_size=4),
    "SparseAdam": sparse_adam,
    "Muon": muon,
    "Lookahead": lookahead,
    "schedule-free": schedule_free,
    "Prodigy": one(prodigyopt.Prodigy, lr=1.0),
}
