"""The usual training step of a PyTorch model: forward, loss, backward, optimizer step."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.optim import Optimizer

from lr_finder.integrations.batches import Batches
from lr_finder.integrations.torch.batches import to_device

LossFunction: TypeAlias = Callable[..., torch.Tensor]
Autocast: TypeAlias = bool | torch.dtype | AbstractContextManager[Any] | None


class TrainingStep:
    """Trains one optimizer step per call and returns the loss before it, the mean over accumulated batches."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        loss_fn: LossFunction | None,
        batches: Batches,
        *,
        accumulation_steps: int = 1,
        scaler: "torch.amp.GradScaler | None" = None,
        autocast: Autocast = None,
    ):
        if not isinstance(accumulation_steps, int) or accumulation_steps < 1:
            raise ValueError(f"accumulation_steps must be a whole number of at least 1, got {accumulation_steps!r}")
        if scaler is not None and not isinstance(scaler, torch.amp.GradScaler):
            raise TypeError(f"scaler must be a torch.amp.GradScaler, got {type(scaler).__name__}")
        self.model = model
        self.optimizer = optimizer
        self.loss_fn = loss_fn
        self.batches = batches
        self.accumulation_steps = accumulation_steps
        self.scaler = scaler
        self.device = next(model.parameters()).device
        self.autocast = _forward_context(autocast, self.device)
        self.needs_closure = _needs_closure(optimizer)
        if self.needs_closure and scaler is not None:
            raise ValueError(f"scaler must be None for {type(optimizer).__name__}, whose step evaluates the loss again")

    def restart(self) -> None:
        """Makes ready for a ramp: the first batch, and training mode.

        Submodules keep their own mode where the model as a whole is in training mode, so that a BatchNorm which the
        user has frozen stays frozen.
        """
        self.batches.restart()
        if not self.model.training:
            self.model.train()

    def __call__(self) -> torch.Tensor:
        """Trains one step; the loss before it, without a graph."""
        batches = [self.batches.next() for _ in range(self.accumulation_steps)]
        if self.needs_closure:
            return self._closure_step(batches)
        loss = self._forward_backward(batches)
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        return loss

    def _closure_step(self, batches: list[Any]) -> torch.Tensor:
        losses: list[torch.Tensor] = []

        def closure() -> torch.Tensor:
            losses.append(self._forward_backward(batches))
            return losses[-1]

        self.optimizer.step(closure)  # pyright: ignore[reportArgumentType, reportCallIssue]
        return losses[0]

    def _forward_backward(self, batches: list[Any]) -> torch.Tensor:
        self.optimizer.zero_grad()
        losses = []
        for batch in batches:
            with self.autocast:
                loss = self._loss(to_device(batch, self.device)) / len(batches)
            (loss if self.scaler is None else self.scaler.scale(loss)).backward()
            losses.append(loss.detach())
        return torch.stack(losses).sum() if len(losses) > 1 else losses[0]

    def _loss(self, batch: Any) -> torch.Tensor:
        """The loss of one batch, a scalar."""
        if isinstance(batch, Mapping):
            output = self.model(**batch)
            loss = _loss_of(output) if self.loss_fn is None else self.loss_fn(output, batch)
        elif not isinstance(batch, (list, tuple)):
            raise TypeError(
                f"a batch must be (inputs..., target) or a mapping, got {type(batch).__name__}; for other kinds use "
                "lr_find(step, optimizer=..., state=[...])"
            )
        elif self.loss_fn is None:
            loss = _loss_of(self.model(*batch))
        else:
            *inputs, target = batch
            loss = self.loss_fn(self.model(*inputs), target)
        if not isinstance(loss, torch.Tensor):
            raise TypeError(f"loss_fn must return a tensor with one element, got {type(loss).__name__}")
        if loss.numel() != 1:
            raise ValueError(f"loss_fn must return a scalar, got a tensor of shape {tuple(loss.shape)}")
        if not loss.requires_grad:
            raise ValueError("the loss must depend on the model's trainable parameters, and has no gradient")
        return loss.reshape(())


def _loss_of(output: Any) -> Any:
    """The loss in the output of a model that computes it itself: a scalar, `.loss`, `["loss"]`, or the first item."""
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, Mapping):
        return output["loss"]
    if hasattr(output, "loss"):
        return output.loss
    if isinstance(output, (list, tuple)) and output:
        return output[0]
    raise TypeError(f"without loss_fn the model must return its loss, got {type(output).__name__}")


def _forward_context(autocast: Autocast, device: torch.device) -> AbstractContextManager[Any]:
    if autocast is None or autocast is False:
        return nullcontext()
    if autocast is True:
        return torch.autocast(device.type)
    if isinstance(autocast, torch.dtype):
        return torch.autocast(device.type, dtype=autocast)
    if not isinstance(autocast, AbstractContextManager):
        raise TypeError(f"autocast must be True, a torch dtype or a context manager, got {autocast!r}")
    return autocast


def _needs_closure(optimizer: Optimizer) -> bool:
    """Whether the optimizer's step evaluates the loss itself, as LBFGS does: its `closure` has no default."""
    if isinstance(optimizer, torch.optim.LBFGS):  # its step is wrapped and hides the signature on some releases
        return True
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty
