"""Plain PyTorch: a model with its optimizer and loader, or a step function."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from lr_finder.core.curve import Curve
from lr_finder.core.parameter_groups import read_lrs
from lr_finder.core.range_test import RangeTest
from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import search
from lr_finder.core.stopping import StopReason
from lr_finder.core.sweep import Bound, Sweep
from lr_finder.integrations.torch_batches import Batches, DataEndedError
from lr_finder.integrations.torch_rates import SweptRates
from lr_finder.integrations.torch_step import Autocast, LossFunction, TrainingStep
from lr_finder.preserve import preserve
from lr_finder.progress import progress_bar

IDLE_CALLS = 1000
"""A step function that has not stepped its optimizer after this many calls is taken to be wrong."""


def lr_find(
    model: "nn.Module | Callable[[], Any]",
    optimizer: "Optimizer | Sequence[Optimizer] | None" = None,
    loss_fn: LossFunction | None = None,
    train_loader: Iterable[Any] | None = None,
    *,
    state: Sequence[Any] = (),
    accumulation_steps: int | None = None,
    scaler: "torch.amp.GradScaler | None" = None,
    autocast: Autocast = None,
    start_lr: Bound | None = None,
    end_lr: Bound | None = None,
    num_it: int = 100,
    stop_div: bool = True,
    wd: float | None = None,
    progress: bool | None = None,
) -> RangeTestResult:
    """Searches for the learning rate of a PyTorch training, and leaves everything as it was.

    Two forms: `lr_find(model, optimizer, loss_fn, train_loader)` for the usual training step, and
    `lr_find(step, optimizer=..., state=[...])` for any other, where `step()` trains one step and returns the loss.

    Args:
        model: The model, or a function without arguments that trains one step and returns its loss.
        optimizer: The optimizer; the step form also takes several.
        loss_fn: `loss_fn(output, target)`; None where the model returns its loss itself.
        train_loader: Batches `(inputs..., target)`, or mappings that are passed to the model as keywords. It is gone
            through again from the start where it is shorter than the search.
        state: What else training changes (schedulers, an EMA model, generators). In the step form that includes the
            models and the loader.
        accumulation_steps: Batches per optimizer step.
        scaler: The gradient scaler of a mixed-precision training.
        autocast: True, a dtype, or a context manager such as `torch.autocast("cuda")`, for the forward pass.
        start_lr: The rate of the first step; without any bound the range is found too.
        end_lr: The rate of the last step.
        num_it: Optimizer steps to plan for.
        stop_div: Whether to stop once the loss has diverged.
        wd: Weight decay during the search.
        progress: Whether to show a progress bar; None shows it on a terminal only.

    Raises:
        ValueError: An argument breaks its rule; the text names it.
        TypeError: An argument is of the wrong kind.
    """
    if isinstance(model, nn.Module):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer must be a torch optimizer, got {type(optimizer).__name__}")
        _check_model(model, optimizer)
        if train_loader is None:
            raise TypeError("train_loader must be given with a model")
        optimizers = [optimizer]
        batches = Batches(train_loader)
        state = [model, optimizer, *_with_state(loss_fn, train_loader, scaler), *state]
        step = TrainingStep(
            model,
            optimizer,
            loss_fn,
            batches,
            accumulation_steps=1 if accumulation_steps is None else accumulation_steps,
            scaler=scaler,
            autocast=autocast,
        )
        restart: Callable[[], None] = step.restart
    else:
        optimizers = _step_form_optimizers(optimizer)
        _refuse_model_arguments(
            loss_fn=loss_fn,
            train_loader=train_loader,
            accumulation_steps=accumulation_steps,
            scaler=scaler,
            autocast=autocast,
        )
        state = [*optimizers, *state]
        step, restart = model, _nothing

    with progress_bar(num_it, progress) as bar:

        def ramp(sweep: Sweep) -> Curve:
            with preserve(*state):
                restart()
                return _climb(sweep, step, optimizers, bar.update)

        return search(ramp, start_lr=start_lr, end_lr=end_lr, num_it=num_it, stop_div=stop_div, wd=wd)


def _climb(sweep: Sweep, step: Callable[[], Any], optimizers: list[Optimizer], on_step: Callable[[], Any]) -> Curve:
    """Trains through the sweep's rates; whoever calls it puts everything back."""
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    on_accelerator = any(p.device.type != "cpu" for group in groups for p in group["params"])
    test = RangeTest.over(sweep, current_lrs=read_lrs(groups), read=_read, read_every=8 if on_accelerator else 1)
    idle_calls = 0
    with SweptRates(test, optimizers, groups) as rates:
        try:
            while not test.has_ended:
                steps_before = rates.steps
                try:
                    loss = step()
                except DataEndedError:
                    test.stop(StopReason.DATA_ENDED)
                    break
                if rates.steps == steps_before:  # accumulating, or skipped by a gradient scaler
                    idle_calls += 1
                    _check_idle(idle_calls)
                    continue
                idle_calls = 0
                test.record(_checked_loss(loss))
                on_step()
        except BaseException as error:
            test.keep_partial(error)
            raise
    return test.curve


def _read(losses: Sequence[Any]) -> list[float]:
    """Reads losses from their device in one go."""
    if all(isinstance(loss, torch.Tensor) for loss in losses):
        return torch.stack([loss.reshape(()) for loss in losses]).double().tolist()
    return [float(loss) for loss in losses]


def _checked_loss(loss: Any) -> Any:
    if loss is None:
        raise TypeError("the step function must return the loss of its step, got None")
    if isinstance(loss, torch.Tensor):
        if loss.numel() != 1:
            raise ValueError(f"the loss must be a scalar, got a tensor of shape {tuple(loss.shape)}")
        return loss.detach()
    return float(loss)


def _check_idle(calls: int) -> None:
    if calls >= IDLE_CALLS:
        raise RuntimeError(
            f"no optimizer step was taken in {calls} training steps: the gradient scaler skipped them all, or the "
            "step function steps another optimizer than the one given"
        )


def _check_model(model: nn.Module, optimizer: Optimizer) -> None:
    trainable = {id(parameter) for parameter in model.parameters() if parameter.requires_grad}
    if not trainable:
        raise ValueError(f"model must have parameters that require a gradient, and {type(model).__name__} has none")
    if not any(id(parameter) in trainable for group in optimizer.param_groups for parameter in group["params"]):
        raise ValueError(
            "optimizer must hold parameters of the model, and holds none of its trainable ones; was the model moved "
            "or rebuilt after the optimizer was made?"
        )


def _step_form_optimizers(optimizer: "Optimizer | Sequence[Optimizer] | None") -> list[Optimizer]:
    optimizers = [optimizer] if isinstance(optimizer, Optimizer) else list(optimizer or ())
    if not optimizers:
        raise TypeError("optimizer must be given with a step function: lr_find(step, optimizer=..., state=[...])")
    for given in optimizers:
        if not isinstance(given, Optimizer):
            raise TypeError(f"optimizer must be a torch optimizer or several, got {type(given).__name__}")
    return optimizers


def _refuse_model_arguments(**arguments: Any) -> None:
    """A step function does its own forward pass: nothing that would be ignored is accepted."""
    for name, value in arguments.items():
        if value is not None:
            raise TypeError(f"{name} goes with a model and has no effect on a step function; leave it out")


def _with_state(*things: Any) -> list[Any]:
    """Those of the things that hold state; a loader may be a plain list, a loss a plain function."""
    kinds = (nn.Module, torch.utils.data.DataLoader, torch.amp.GradScaler)
    return [thing for thing in things if isinstance(thing, kinds) or hasattr(thing, "load_state_dict")]


def _nothing() -> None:
    """A step function starts over by what is in `state`."""
