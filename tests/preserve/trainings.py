"""A training from one kind of each axis, and a search that disturbs all of it."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn, optim
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from preserve.loaders import LOADERS
from preserve.models import MODELS
from preserve.optimizers import OPTIMIZERS


@dataclass
class Training:
    """What a training script holds, with its step."""

    model: nn.Module
    optimizers: list[optim.Optimizer]
    loader: Any
    companion: Any
    batches: Any = field(default=None, repr=False)

    @property
    def state(self) -> list[Any]:
        """What is handed to `preserve`."""
        return [self.model, *self.optimizers, self.loader, *([] if self.companion is None else [self.companion])]

    def step(self) -> float:
        inputs, targets = self._next_batch()
        scaler = self.companion if isinstance(self.companion, torch.amp.GradScaler) else None

        def closure() -> torch.Tensor:
            for optimizer in self.optimizers:
                optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.model(inputs), targets)
            (loss if scaler is None else scaler.scale(loss)).backward()
            return loss

        if isinstance(self.optimizers[0], optim.LBFGS):
            return self.optimizers[0].step(closure).item()
        loss = closure()
        for optimizer in self.optimizers:
            optimizer.step() if scaler is None else scaler.step(optimizer)
        _after_step(self, loss)
        return loss.item()

    def _next_batch(self) -> Any:
        if self.batches is None:
            self.batches = iter(self.loader)
        for batch in self.batches:
            return batch
        self.batches = iter(self.loader)
        return next(self.batches)


def _after_step(training: Training, loss: torch.Tensor) -> None:
    companion = training.companion
    if isinstance(companion, torch.amp.GradScaler):
        companion.update()
    elif isinstance(companion, AveragedModel):
        companion.update_parameters(training.model)
    elif isinstance(companion, optim.lr_scheduler.ReduceLROnPlateau):
        companion.step(loss.item())
    elif isinstance(companion, optim.lr_scheduler.LRScheduler):
        companion.step()


COMPANIONS: dict[str, Callable[[nn.Module, optim.Optimizer], Any]] = {
    "nothing": lambda model, optimizer: None,
    "EMA": lambda model, optimizer: AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True),
    "SWA": lambda model, optimizer: AveragedModel(model),
    "scaler": lambda model, optimizer: torch.amp.GradScaler("cpu", init_scale=2.0**126, growth_interval=2),
    "step schedule": lambda model, optimizer: optim.lr_scheduler.StepLR(optimizer, 3, 0.7),
    "one cycle": lambda model, optimizer: optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 200, cycle_momentum=False),
    "warm-up, then cosine": lambda model, optimizer: optim.lr_scheduler.SequentialLR(
        optimizer,
        [optim.lr_scheduler.LinearLR(optimizer), optim.lr_scheduler.CosineAnnealingLR(optimizer, 50)],
        [5],
    ),
    "plateau": lambda model, optimizer: optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1),
}


def build(model: str, optimizer: str, loader: str, companion: str, *, seed: int = 0) -> Training:
    """A training of these kinds, the same each time."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    network = MODELS[model]()
    optimizers = OPTIMIZERS[optimizer](network)
    return Training(network, optimizers, LOADERS[loader](), COMPANIONS[companion](network, optimizers[0]))


def disturb(training: Training, steps: int = 30) -> None:
    """Trains on with a growing rate until all is ruined, and leaves a mess, as a search without manners would."""
    training.batches = None
    for step in range(steps):
        for optimizer in training.optimizers:
            for group in optimizer.param_groups:
                rate = 1e-5 * 10 ** (6 * step / steps)
                group["lr"].fill_(rate) if isinstance(group["lr"], torch.Tensor) else group.update(lr=rate)
        training.step()
    for optimizer in training.optimizers:
        optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 100, cycle_momentum=False)
        optimizer.param_groups[0]["lr"] = 0.5
        optimizer.add_param_group({"params": [nn.Parameter(torch.ones(2, 2))]})
    training.model.eval()
    for parameter in training.model.parameters():
        parameter.requires_grad_(not parameter.requires_grad)
    random.random(), np.random.rand(), torch.rand(1)
