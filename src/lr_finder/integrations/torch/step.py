"""The usual training step of a PyTorch model: forward, loss, backward, optimizer step."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.optim import Optimizer

from lr_finder.integrations.batches import Batches
from lr_finder.integrations.torch import fabric
from lr_finder.integrations.torch.batches import to_device
from lr_finder.integrations.torch.fabric import fabric_module
from lr_finder.integrations.torch.misfits import add_note, line_for, taken_for_another

LossFunction: TypeAlias = Callable[..., torch.Tensor]
BatchLoss: TypeAlias = Callable[[Any, Any], Any]
"""Gives the loss of a batch: `batch_loss(model, batch)`."""
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
        batch_loss: BatchLoss | None = None,
        accumulation_steps: int = 1,
        scaler: "torch.amp.GradScaler | None" = None,
        autocast: Autocast = None,
    ):
        for name, function in (("loss_fn", loss_fn), ("batch_loss", batch_loss)):
            if isinstance(function, type):
                kind = function.__name__
                raise TypeError(f"{name} must be a function that returns the loss, got the class {kind}: {kind}()")
            if function is not None and not callable(function):
                raise TypeError(f"{name} must be a function that returns the loss, got {_named(function)}")
        if loss_fn is not None and batch_loss is not None:
            raise ValueError("batch_loss takes the place of loss_fn, got both; leave one out")
        if not isinstance(accumulation_steps, int) or accumulation_steps < 1:
            raise ValueError(f"accumulation_steps must be a whole number of at least 1, got {accumulation_steps!r}")
        if scaler is not None and not isinstance(scaler, torch.amp.GradScaler):
            raise TypeError(f"scaler must be a torch.amp.GradScaler, got {type(scaler).__name__}")
        self.model = model
        self.optimizer = optimizer
        self.loss_fn = loss_fn
        self.batch_loss = batch_loss
        self.batches = batches
        self.accumulation_steps = accumulation_steps
        self.scaler = scaler
        self.device = next(model.parameters()).device
        self.fabric_module = fabric_module(model)
        self.autocast = _forward_context(autocast, self.device)
        # SAM's closure is for the place that its first step leads to; the gradient of where it begins must be there.
        self.steps_up_first = hasattr(optimizer, "first_step")
        self.needs_closure = not self.steps_up_first and _needs_closure(optimizer)
        if (self.needs_closure or self.steps_up_first) and scaler is not None:
            raise ValueError(f"scaler must be None for {type(optimizer).__name__}, whose step evaluates the loss again")

    def restart(self) -> None:
        """Makes ready for a ramp: the first batch, and training mode.

        Submodules keep their own mode where the model as a whole is in training mode, so that a BatchNorm which the
        user has frozen stays frozen. Schedule-free optimizers have such a mode, too.
        """
        self.batches.restart()
        if not self.model.training:
            self.model.train()
        if hasattr(self.optimizer, "train"):
            self.optimizer.train()  # pyright: ignore[reportAttributeAccessIssue]

    def __call__(self) -> torch.Tensor:
        """Trains one step; the loss before it, without a graph."""
        batches = [self.batches.next() for _ in range(self.accumulation_steps)]
        loss = None if self.needs_closure else self._forward_backward(batches)
        try:
            if self.scaler is not None:
                self.scaler.step(self.optimizer)
                self.scaler.update()
            elif self.needs_closure or self.steps_up_first:
                loss = self._step_with_closure(batches, loss)
            else:
                self.optimizer.step()
        except (AssertionError, TypeError, ValueError, RuntimeError) as error:
            add_note(error, f"{type(self.optimizer).__name__} raised this in its step; {_OWN_STEP}")
            raise
        return loss  # pyright: ignore[reportReturnType]

    def _step_with_closure(self, batches: list[Any], loss: torch.Tensor | None) -> torch.Tensor:
        losses = [] if loss is None else [loss]

        def closure() -> torch.Tensor:
            losses.append(self._forward_backward(batches))
            return losses[-1]

        self.optimizer.step(closure)  # pyright: ignore[reportArgumentType, reportCallIssue]
        return losses[0]

    def _forward_backward(self, batches: list[Any]) -> torch.Tensor:
        self.optimizer.zero_grad()
        if len(batches) == 1:
            return self._backward(batches[0], 1)
        return torch.stack([self._backward(batch, len(batches)) for batch in batches]).sum()

    def _backward(self, batch: Any, count: int) -> torch.Tensor:
        with self.autocast:
            loss = self._loss(to_device(batch, self.device))
            if count > 1:
                loss = loss / count
        scaled = loss if self.scaler is None else self.scaler.scale(loss)
        if self.fabric_module is None:
            scaled.backward()
        else:
            fabric.backward(self.fabric_module, scaled)
        return loss.detach()

    def _loss(self, batch: Any) -> torch.Tensor:
        """The loss of one batch, a scalar."""
        if self.batch_loss is None:
            name = "the model, without loss_fn," if self.loss_fn is None else "loss_fn"
            loss = self._loss_of_usual(batch)
        else:
            name = "batch_loss"
            loss = loss_in(self.batch_loss(self.model, batch))
        if not isinstance(loss, torch.Tensor):
            raise TypeError(f"{name} must return a tensor with one element, got {type(loss).__name__}{_slip(loss)}")
        if loss.dim() and loss.numel() != 1:
            raise ValueError(f"{name} must return a scalar, got a tensor of shape {tuple(loss.shape)}: loss.mean()")
        if not loss.is_floating_point():
            raise ValueError(f"{name} must return a loss with a gradient, got numbers of {loss.dtype}, such as a count")
        if not loss.requires_grad:
            raise ValueError(
                "the loss must depend on the model's trainable parameters, and has no gradient; leave out detach() and "
                "torch.no_grad(), and what can't be differentiated, such as an accuracy"
            )
        return loss.reshape(()) if loss.dim() else loss

    def _loss_of_usual(self, batch: Any) -> Any:
        """The loss of a batch `(inputs..., target)`, or of a mapping."""
        if not isinstance(batch, (list, tuple, Mapping)):
            raise TypeError(
                f"a batch must be (inputs..., target) or a mapping, got {type(batch).__name__}; {line_for()}"
            )
        try:
            by_name = not isinstance(batch, (list, tuple))
            if self.loss_fn is None:
                return loss_in(self.model(**batch) if by_name else self.model(*batch))
            if by_name:
                output, target = self.model(**batch), batch
            else:
                *inputs, target = batch
                output = self.model(*inputs)
            if output is None:
                raise TypeError("the model must return its output, got None: its forward() has no return")
            return self.loss_fn(output, target)
        except (TypeError, AttributeError, LookupError, ValueError, RuntimeError) as error:
            add_note(error, taken_for_another(batch, has_loss_fn=self.loss_fn is not None))
            raise


_OWN_STEP = (
    "where it needs more than the gradients, give the step of your own loop: "
    "lr_find(step, optimizer=optimizer, train_loader=loader, state=[model])"
)


def _slip(loss: object) -> str:
    if loss is None:
        return "; is its return missing?"
    return "; leave out item() and float()" if isinstance(loss, (int, float)) else ""


def _named(thing: object) -> str:
    return repr(thing) if isinstance(thing, str) else type(thing).__name__


def loss_in(output: Any) -> Any:
    """The loss in what a function or a model returns: itself, `.loss`, `["loss"]`, or the first of several."""
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, Mapping):
        if "loss" in output:
            return output["loss"]
        raise TypeError(
            f'a mapping must hold the loss as "loss", got {", ".join(map(repr, output))}; '
            "for a dictionary of losses return sum(losses.values())"
        )
    if hasattr(output, "loss"):
        return output.loss
    if isinstance(output, (list, tuple)) and output:
        return output[0]
    return output


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
