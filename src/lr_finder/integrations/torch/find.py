"""Plain PyTorch: a model with its optimizer and loader, or a step function."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.extras import extra
from lr_finder.integrations.batches import Batches, batch_size_of
from lr_finder.integrations.keywords import check_keywords
from lr_finder.integrations.stateful import stateful

with extra("torch"):
    import torch
    from torch import nn
    from torch.optim import Optimizer
    from torch.utils.data import DataLoader, Dataset, IterableDataset

    from lr_finder.integrations.torch.fabric import fabric_module
    from lr_finder.integrations.torch.ramp import StepTraining
    from lr_finder.integrations.torch.spread import Group
    from lr_finder.integrations.torch.step import Autocast, BatchLoss, LossFunction, TrainingStep
    from lr_finder.integrations.torch.stepping import is_optimizer
    from lr_finder.preserve.gradients import ZeroedFirst

if TYPE_CHECKING:
    from typing_extensions import Unpack

CALL = "lr_find(model, optimizer, loss_fn, train_loader)"


def lr_find(
    model: "nn.Module | Callable[..., Any]",
    optimizer: "Optimizer | Sequence[Optimizer] | Mapping[str, Optimizer] | None" = None,
    loss_fn: LossFunction | None = None,
    train_loader: Iterable[Any] | None = None,
    *,
    batch_loss: BatchLoss | None = None,
    state: Sequence[Any] = (),
    accumulation_steps: int | None = None,
    scaler: "torch.amp.GradScaler | None" = None,
    autocast: Autocast = None,
    process_group: Group | None = None,
    progress: bool | None = None,
    **options: "Unpack[SearchOptions]",
) -> RangeTestResult:
    """Searches for the learning rate of a PyTorch training, and leaves everything as it was.

    Three forms: `lr_find(model, optimizer, loss_fn, train_loader)` for the usual batches and losses,
    `lr_find(model, optimizer, batch_loss=fn, train_loader=loader)` for any others, where `fn(model, batch)` returns the
    loss, and `lr_find(step, optimizer=..., state=[...])` for any other training step, where `step()` trains one step
    and returns the loss. With `train_loader` it is called as `step(batch)`, and every ramp of the search sees the same
    batches.

    Args:
        model: The model, or a function that trains one step and returns its loss.
        optimizer: The optimizer; the step form also takes several, as a list or by name.
        loss_fn: `loss_fn(output, target)`; None where the model returns its loss itself.
        train_loader: Batches `(inputs..., target)`, or mappings that are passed to the model as keywords; with
            `batch_loss` and in the step form of any kind. It is gone through again from the start where it is shorter
            than the search. An iterator can't be: it is used up, and where it ends, the sweep ends.
        batch_loss: `batch_loss(model, batch)`, in place of `loss_fn`, for batches and losses of any kind. The batch is
            on the model's device. Here and in the step form the loss may come as a tensor of one element, as
            `{"loss": ...}` or as `(loss, anything)`.
        state: What else training changes (schedulers, an EMA model, generators). In the step form that includes the
            models, and whatever the step itself draws its data from.
        accumulation_steps: Batches per optimizer step.
        scaler: The gradient scaler of a mixed-precision training.
        autocast: True, a dtype, or a context manager such as `torch.autocast("cuda")`, for the forward pass.
        process_group: The processes that train together, over which the loss is averaged. Where it is left out, they
            are those of the model (`DistributedDataParallel`, FSDP) and those with which a step communicates.
        progress: Whether to show a progress bar; None shows it on a terminal only.
        options: Those of every search: see `lr_finder.SearchOptions`.

    Raises:
        ValueError: An argument breaks its rule; the text names it.
        TypeError: An argument is of the wrong kind.
    """
    check_keywords(options)
    if isinstance(model, (Optimizer, DataLoader, Dataset)):
        raise TypeError(f"the model comes first, got {type(model).__name__}; the order is {CALL}")
    if not isinstance(state, (list, tuple)):
        raise TypeError(f"state must be a list of what training changes, got {type(state).__name__}")
    if isinstance(model, nn.Module):
        training = _usual_training(
            model,
            optimizer,
            loss_fn,
            train_loader,
            state=state,
            batch_loss=batch_loss,
            accumulation_steps=1 if accumulation_steps is None else accumulation_steps,
            scaler=scaler,
            autocast=autocast,
        )
    else:
        _refuse_model_arguments(
            loss_fn=loss_fn,
            batch_loss=batch_loss,
            accumulation_steps=accumulation_steps,
            scaler=scaler,
            autocast=autocast,
        )
        if not callable(model) or isinstance(model, (type, Optimizer)):
            raise TypeError(f"lr_find() takes a model or a function that trains one step, got {type(model).__name__}")
        training = _training_by_steps(model, _step_form_optimizers(optimizer), train_loader, state)
    return replace(training, process_group=process_group).search(progress, options)


def _usual_training(
    model: nn.Module,
    optimizer: Any,
    loss_fn: LossFunction | None,
    train_loader: Iterable[Any] | None,
    *,
    state: Sequence[Any],
    **options: Any,
) -> StepTraining:
    """The training of one model by one optimizer on the batches of a loader."""
    if optimizer is None:
        raise TypeError(f"optimizer must be given with a model: {CALL}")
    if isinstance(optimizer, type):
        name = optimizer.__name__
        raise TypeError(f"optimizer must be a torch optimizer, got the class {name}: {name}(model.parameters())")
    if not is_optimizer(optimizer):
        remedy = f"the order is {CALL}"
        if is_optimizer(getattr(optimizer, "optimizer", None)):
            remedy = "give the one that it schedules, scheduler.optimizer"
        raise TypeError(f"optimizer must be a torch optimizer, got {type(optimizer).__name__}; {remedy}")
    if type(model).__name__ == "DeepSpeedEngine":
        raise TypeError(
            "a DeepSpeed engine goes with a step function, in which it takes its own steps: engine.backward(loss); "
            "engine.step(); then lr_find(step, optimizer=engine.optimizer, train_loader=loader, state=[engine])"
        )
    check_model(model, optimizer)
    if train_loader is None:
        raise TypeError(f"train_loader must be given with a model: {CALL}")
    if isinstance(loss_fn, (DataLoader, Dataset)):
        raise TypeError(f"loss_fn must be a function that returns the loss, got a loader; the order is {CALL}")
    if isinstance(train_loader, torch.Tensor):
        raise TypeError(
            "train_loader must yield batches, got a tensor: "
            "DataLoader(TensorDataset(inputs, targets), batch_size=64, shuffle=True)"
        )
    is_list = isinstance(train_loader, (list, tuple)) and len(train_loader) > 0
    if is_list and loss_fn is not None and all(isinstance(item, torch.Tensor) for item in train_loader):
        raise TypeError(
            "train_loader must yield batches (inputs..., target), got the tensors of one: "
            "DataLoader(TensorDataset(inputs, targets), batch_size=64, shuffle=True), or [batch] for that one alone"
        )
    if isinstance(train_loader, Dataset) and not isinstance(train_loader, IterableDataset):
        raise TypeError(
            f"train_loader must yield batches, got a data set, {type(train_loader).__name__}: "
            "DataLoader(dataset, batch_size=64, shuffle=True)"
        )
    step = TrainingStep(model, optimizer, loss_fn, Batches(train_loader), **options)
    found = stateful(loss_fn, options["batch_loss"], train_loader, options["scaler"])
    if (module := fabric_module(model)) is not None:
        found.append(module._strategy.precision)  # it has the gradient scaler
    state = [ZeroedFirst(optimizer), model, optimizer, *found, *state]
    batch_size = batch_size_of(train_loader, step.accumulation_steps)
    return StepTraining(step, [optimizer], state, restart=step.restart, batches=step.batches, batch_size=batch_size)


def _training_by_steps(
    step: Callable[..., Any], optimizers: Sequence[Optimizer], train_loader: Iterable[Any] | None, state: Sequence[Any]
) -> StepTraining:
    """The training of a user's step function, which gets its batch where there is a loader."""
    _check_takes_batch(step, has_loader=train_loader is not None)
    if train_loader is None:
        return StepTraining(step, optimizers, state=[*optimizers, *state])
    batches = Batches(train_loader)

    def step_on_batch() -> Any:
        return step(batches.next())

    state = [*optimizers, *stateful(train_loader), *state]
    batch_size = batch_size_of(train_loader)
    return StepTraining(
        step_on_batch, optimizers, state, restart=batches.restart, batches=batches, batch_size=batch_size
    )


def _check_takes_batch(step: Callable[..., Any], *, has_loader: bool) -> None:
    """Raises where a step function would not be called as it is to be."""
    with suppress(ValueError):  # some built-in callables have no signature
        signature = inspect.signature(step)
        try:
            signature.bind(*["batch"] * has_loader)
        except TypeError:
            asked = "gets the batch of a loader" if has_loader else "takes no argument without a loader"
            raise TypeError(
                f"a step function {asked}, got step{signature}; either def step() alone, or def step(batch) and "
                "lr_find(step, optimizer=optimizer, train_loader=loader, state=[model])"
            ) from None


def check_model(model: nn.Module, optimizer: Optimizer) -> None:
    """Raises where the optimizer would train nothing of the model."""
    if any(parameter.is_meta for parameter in model.parameters()):
        raise ValueError(
            'model must hold numbers, and has parameters on the "meta" device: model.to_empty(device="cpu")'
        )
    trainable = {id(parameter) for parameter in model.parameters() if parameter.requires_grad}
    if not trainable:
        raise ValueError(f"model must have parameters that require a gradient, and {type(model).__name__} has none")
    held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    frozen = {id(parameter) for parameter in model.parameters()} - trainable
    if held and frozen.issuperset(map(id, held)):
        raise ValueError(
            "optimizer must hold parameters that require a gradient, and all of its own are frozen: "
            "AdamW(p for p in model.parameters() if p.requires_grad)"
        )
    if not any(id(parameter) in trainable for parameter in held):
        raise ValueError(
            "optimizer must hold parameters of the model, and holds none of its trainable ones; was the model moved "
            "or rebuilt after the optimizer was made?"
        )


def _step_form_optimizers(
    optimizer: "Optimizer | Sequence[Optimizer] | Mapping[str, Optimizer] | None",
) -> list[Optimizer]:
    if not optimizer:
        raise TypeError("optimizer must be given with a step function: lr_find(step, optimizer=..., state=[...])")
    return listed(optimizer)


def listed(optimizer: "Optimizer | Sequence[Optimizer] | Mapping[str, Optimizer]") -> list[Optimizer]:
    """One optimizer or several, which may have names, as a list."""
    given_ones: Any = optimizer.values() if isinstance(optimizer, Mapping) else optimizer
    optimizers = [given_ones] if is_optimizer(given_ones) else list(given_ones)
    for given in optimizers:
        if not is_optimizer(given):
            raise TypeError(f"optimizer must be a torch optimizer or several, got {type(given).__name__}")
    return optimizers


def _refuse_model_arguments(**arguments: Any) -> None:
    """A step function does its own forward pass: nothing that would be ignored is accepted."""
    for name, value in arguments.items():
        if isinstance(value, Iterable) and not callable(value):
            raise TypeError(
                f"{name} is no argument of a step function; where that is its loader: "
                "lr_find(step, optimizer=optimizer, train_loader=loader, state=[model])"
            )
        if value is not None:
            raise TypeError(f"{name} goes with a model and has no effect on a step function; leave it out")
