"""Accelerate: the forms of plain PyTorch, for a model, optimizer and loader that an Accelerator has prepared."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions, search
from lr_finder.extras import extra
from lr_finder.integrations.batches import Batches
from lr_finder.integrations.state import holding_state
from lr_finder.progress import progress_bar

with extra("accelerate"):
    import torch
    from accelerate.optimizer import AcceleratedOptimizer
    from accelerate.state import GradientState
    from accelerate.utils import DistributedType, reduce
    from torch import nn
    from torch.optim import Optimizer

    from lr_finder.integrations import torch as plain
    from lr_finder.integrations.torch_batches import to_device
    from lr_finder.integrations.torch_ramp import Training
    from lr_finder.integrations.torch_step import LossFunction, TrainingStep

if TYPE_CHECKING:
    from typing_extensions import Unpack


def lr_find(
    model: "nn.Module | Callable[..., Any]",
    optimizer: "Optimizer | Sequence[Optimizer]",
    loss_fn: LossFunction | None = None,
    train_loader: Iterable[Any] | None = None,
    *,
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
        optimizer: The prepared optimizer; the step form also takes several.
        loss_fn: `loss_fn(output, target)`; None where the model returns its loss itself.
        train_loader: The prepared loader, as in plain PyTorch.
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
        optimizers = [optimizer] if isinstance(optimizer, Optimizer) else list(optimizer)
        stepping = [_stepping(given) for given in optimizers]
        state = [*optimizers, gradient_state, *state]
        return plain.lr_find(model, stepping, loss_fn, train_loader, state=state, progress=progress, **options)
    if not isinstance(optimizer, AcceleratedOptimizer):
        raise TypeError(f"optimizer must be prepared by the Accelerator, got {type(optimizer).__name__}")
    if optimizer.accelerator_state.distributed_type == DistributedType.DEEPSPEED:
        raise ValueError("the Accelerator must not use DeepSpeed, which keeps weights where nothing puts them back")
    plain.check_model(model, optimizer)
    if train_loader is None:
        raise TypeError("train_loader must be given with a model")
    step = AcceleratedStep(model, optimizer, loss_fn, Batches(train_loader))
    state = [model, optimizer, gradient_state, *holding_state(loss_fn, train_loader), *state]
    training = Training(step, [_stepping(optimizer)], state, restart=step.restart)
    with progress_bar(progress) as bar:
        return search(training.ramp(on_step=bar.update), plan=bar.plan, **options)


class AcceleratedStep(TrainingStep):
    """Trains one optimizer step per call, as a loop under `accelerator.accumulate` does."""

    optimizer: AcceleratedOptimizer

    def restart(self) -> None:
        """Makes ready for a ramp."""
        super().restart()
        self._batches_taken = 0

    def __call__(self) -> torch.Tensor:
        """Trains until the gradients are synchronized; the mean loss before the step, without a graph."""
        gradients, scaler = self.optimizer.gradient_state, self.optimizer.scaler
        losses: list[torch.Tensor] = []
        gradients.sync_gradients = False
        while not gradients.sync_gradients:
            batch = to_device(self.batches.next(), self.device)
            gradients.sync_gradients = self._is_last(gradients)
            loss = self._loss(batch)
            losses.append(loss.detach())
            loss = loss / gradients.num_steps
            (loss if scaler is None else scaler.scale(loss)).backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
        return reduce(torch.stack(losses).mean(), reduction="mean")  # pyright: ignore[reportReturnType]

    def _is_last(self, gradients: GradientState) -> bool:
        """Whether a step follows the batch just taken; a loader's end starts the count anew."""
        if gradients.sync_with_dataloader and gradients.end_of_dataloader:
            self._batches_taken = 0
            return True
        self._batches_taken += 1
        return self._batches_taken % gradients.num_steps == 0


def _stepping(optimizer: Optimizer) -> Optimizer:
    """The optimizer that steps: what Accelerate wraps around it has no hooks."""
    return optimizer.optimizer if isinstance(optimizer, AcceleratedOptimizer) else optimizer
