"""The training loop, and that of validation: what happens in which order, with a hook between any two steps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from lr_finder.learner.callback import Callback
from lr_finder.learner.callback_handler import CallbackHandler
from lr_finder.learner.data import Loader, count_batches
from lr_finder.learner.progress_bar import TrainingBar

if TYPE_CHECKING:
    from lr_finder.learner.learner import Learner


def train(learn: "Learner", epochs: int, callbacks: Sequence[Callback]) -> None:
    """Trains a learner's model for some epochs.

    However it ends, by an exception of a callback or by Ctrl-C too, `on_train_end` runs.
    """
    handler = CallbackHandler(callbacks, learn.metrics)
    with TrainingBar(range(epochs), show=False if learn.silent else None) as pbar:
        exception: BaseException | bool = False
        try:
            handler.on_train_begin(epochs, pbar, learn.metrics)
            for _ in pbar:
                if _epoch_ends_training(learn, handler, pbar):
                    break
        except BaseException as error:
            exception = error
            raise
        finally:
            handler.on_train_end(exception)


def validate(learn: "Learner", loader: Loader, handler: CallbackHandler, pbar: TrainingBar | None = None) -> float:
    """The mean loss of a learner's model in evaluation mode; leaves it in that mode.

    Raises:
        ValueError: The loader gave no batches.
    """
    learn.model.eval()
    batches = learn.data.batches(loader)
    if pbar is not None:
        batches = pbar.batches(batches, count_batches(loader, "valid_dl"))
    total, count = 0.0, 0
    with torch.no_grad():
        for inputs, target in batches:
            inputs, target = handler.on_batch_begin(inputs, target, train=False)
            loss = _loss(learn, inputs, target, handler)
            samples = _as_list(target)[0].shape[0]
            total, count = total + samples * loss.item(), count + samples
            if handler.on_batch_end(loss.cpu()):
                break
    if count == 0:
        raise ValueError("the loader to validate with must have at least one batch, got none")
    return total / count


def _epoch_ends_training(learn: "Learner", handler: CallbackHandler, pbar: TrainingBar) -> bool:
    learn.model.train()
    handler.on_epoch_begin()
    loader = learn.data.train_dl
    for inputs, target in pbar.batches(learn.data.batches(loader), count_batches(loader, "train_dl")):
        if _train_batch(learn, *handler.on_batch_begin(inputs, target, train=True), handler):
            break
    val_loss = None
    if learn.data.valid_dl is not None and not handler.skip_validate:
        val_loss = validate(learn, learn.data.valid_dl, handler, pbar)
    return handler.on_epoch_end(val_loss)


def _train_batch(learn: "Learner", inputs: Any, target: Any, handler: CallbackHandler) -> bool:
    """Trains on one batch; whether the epoch is to end with it."""
    loss, skip_backward = handler.on_backward_begin(_loss(learn, inputs, target, handler))
    if not skip_backward:
        loss.backward()
    if not handler.on_backward_end():
        learn.opt.step()
    if not handler.on_step_end():
        learn.opt.zero_grad()
    return handler.on_batch_end(loss.detach().cpu())


def _loss(learn: "Learner", inputs: Any, target: Any, handler: CallbackHandler) -> torch.Tensor:
    output = handler.on_loss_begin(learn.model(*_as_list(inputs)))
    loss = learn.loss_func(output, *_as_list(target))
    if loss.numel() != 1:
        raise ValueError(f"loss_func must return a scalar, got a tensor of shape {tuple(loss.shape)}")
    return loss


def _as_list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else [value]
