"""Accelerate: the forms of plain PyTorch, for a model, optimizer and loader that an Accelerator has prepared."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.extras import extra
from lr_finder.integrations.batches import Batches, batch_size_of
from lr_finder.integrations.stateful import stateful

with extra("accelerate"):
    import torch
    from accelerate.optimizer import AcceleratedOptimizer
    from accelerate.state import AcceleratorState, GradientState
    from accelerate.utils import DistributedType
    from torch import nn
    from torch.optim import Optimizer

    from lr_finder.integrations.torch import find as plain
    from lr_finder.integrations.torch.batches import to_device
    from lr_finder.integrations.torch.ramp import StepTraining
    from lr_finder.integrations.torch.step import BatchLoss, LossFunction, TrainingStep

if TYPE_CHECKING:
    from typing_extensions import Unpack


def lr_find(
    model: "nn.Module | Callable[..., Any]",
    optimizer: "Optimizer | Sequence[Optimizer] | Mapping[str, Optimizer]",
    loss_fn: LossFunction | None = None,
    train_loader: Iterable[Any] | None = None,
    *,
    batch_loss: BatchLoss | None = None,
    state: Sequence[Any] = (),
    progress: bool | None = None,
    **options: "Unpack[SearchOptions]",
) -> RangeTestResult:
    """Searches for the learning rate of a training with Accelerate, and leaves everything as it was.

    Accumulation, mixed precision and its gradient scaling are those of the Accelerator: nothing of them is given here.

        result = lr_find(model, optimizer, loss_fn, train_loader)
        result = lr_find(step, optimizer=optimizer, train_loader=train_loader, state=[model, accelerator])

    Args:
        model: The prepared model, or a function that trains one step and returns its loss: `step(batch)`, or `step()`
            where there is no loader.
        optimizer: The prepared optimizer; the step form also takes several, as a list or by name.
        loss_fn: `loss_fn(output, target)`; None where the model returns its loss itself.
        train_loader: The prepared loader, as in plain PyTorch.
        batch_loss: `batch_loss(model, batch)`, in place of `loss_fn`, for batches and losses of any kind.
        state: What else training changes. In the step form that includes the models and the Accelerator, which counts
            the batches that it accumulates.
        progress: Whether to show a progress bar; None shows it on a terminal only.
        options: Those of every search: see `lr_finder.SearchOptions`.

    Raises:
        ValueError: An argument breaks its rule; the text names it.
        TypeError: An argument is of the wrong kind.
    """
    gradient_state = GradientState()
    if not isinstance(model, nn.Module):
        optimizers = plain.listed(optimizer)
        stepping = [_stepping(given) for given in optimizers]
        state = [*optimizers, gradient_state, *state]
        return plain.lr_find(
            model, stepping, loss_fn, train_loader, batch_loss=batch_loss, state=state, progress=progress, **options
        )
    if not isinstance(optimizer, AcceleratedOptimizer):
        raise TypeError(
            f"optimizer must be prepared by the Accelerator, got {type(optimizer).__name__}: "
            "optimizer = accelerator.prepare(optimizer)"
        )
    if optimizer.accelerator_state.distributed_type == DistributedType.DEEPSPEED:
        raise ValueError(
            "the Accelerator must not use DeepSpeed, which keeps weights where nothing puts them back; search "
            "without it"
        )
    plain.check_model(model, optimizer)
    if train_loader is None:
        raise TypeError(f"train_loader must be given with a model: {plain.CALL}")
    step = AcceleratedStep(model, optimizer, loss_fn, Batches(train_loader), batch_loss=batch_loss)
    if step.needs_closure or step.steps_up_first:
        raise TypeError(
            f"{type(_stepping(optimizer)).__name__} takes the training as a function, and goes with a step function of "
            "your own: lr_find(step, optimizer=optimizer, train_loader=train_loader, state=[model, accelerator])"
        )
    state = [model, optimizer, gradient_state, *stateful(loss_fn, batch_loss, train_loader), *state]
    batch_size = batch_size_of(train_loader, gradient_state.num_steps)
    training = StepTraining(
        step, [_stepping(optimizer)], state, restart=step.restart, batches=step.batches, batch_size=batch_size
    )
    return training.search(progress, options)


class AcceleratedStep(TrainingStep):
    """Trains on one batch per call, as a loop under `accelerator.accumulate` does."""

    optimizer: AcceleratedOptimizer

    def restart(self) -> None:
        """Makes ready for a ramp."""
        super().restart()
        self._batches_taken = 0

    def __call__(self) -> torch.Tensor:
        """Trains on one batch; its loss before the step."""
        gradients, scaler = self.optimizer.gradient_state, self.optimizer.scaler
        batch = to_device(self.batches.next(), self.device)
        gradients.sync_gradients = self._is_last(gradients)
        with nullcontext() if self._exchanges(gradients) else _without_exchange(self.model):
            loss = self._loss(batch)
            share = loss / gradients.num_steps if gradients.num_steps > 1 else loss
            (share if scaler is None else scaler.scale(share)).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()

    def _is_last(self, gradients: GradientState) -> bool:
        """Whether a step follows the batch just taken; a loader's end starts the count anew."""
        if gradients.sync_with_dataloader and gradients.end_of_dataloader:
            self._batches_taken = 0
            return True
        self._batches_taken += 1
        return self._batches_taken % gradients.num_steps == 0

    def _exchanges(self, gradients: GradientState) -> bool:
        """Whether the processes exchange the gradient of this batch."""
        return gradients.sync_gradients or gradients.plugin_kwargs.get("sync_each_batch", False)


@contextmanager
def _without_exchange(model: Any) -> Iterator[None]:
    """Inside the block gradients stay in their process, as `accelerator.no_sync(model)` has it."""
    if getattr(AcceleratorState(), "is_fsdp2", False):
        model.set_requires_gradient_sync(False)
        try:
            yield
        finally:
            model.set_requires_gradient_sync(True)
    else:
        with getattr(model, "no_sync", nullcontext)():
            yield


def _stepping(optimizer: Optimizer) -> Optimizer:
    """The optimizer that steps: what Accelerate wraps around it has no hooks."""
    return optimizer.optimizer if isinstance(optimizer, AcceleratedOptimizer) else optimizer
