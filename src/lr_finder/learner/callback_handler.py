"""Calls the hooks of all callbacks and keeps the state of the training that they share."""

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import torch

from lr_finder.curve.smoothing import ExponentialAverage
from lr_finder.learner.callback import Callback
from lr_finder.learner.metrics import Metric, as_callback, metric_name


class CallbackHandler:
    """Runs callbacks, and metrics while validating, over one training.

    Args:
        callbacks: Called in the order of their `_order`.
        metrics: Functions of output and target, or callbacks.
        beta: Of the loss's running average; larger is smoother.
    """

    def __init__(self, callbacks: Iterable[Callback], metrics: Iterable[Metric] = (), beta: float = 0.98):
        self.callbacks = sorted(callbacks, key=lambda callback: callback._order)
        self.metrics = [as_callback(metric) for metric in metrics]
        self.state_dict: dict[str, Any] = {}
        self._average = ExponentialAverage(beta)
        self._begun: list[Callback] = []

    def on_train_begin(self, epochs: int, pbar: Any, metrics: Iterable[Metric]) -> None:
        """Starts from a fresh state."""
        self.state_dict = {
            "epoch": 0,
            "iteration": 0,
            "num_batch": 0,
            "skip_validate": False,
            "n_epochs": epochs,
            "pbar": pbar,
            "metrics": metrics,
        }
        names = [metric_name(metric) for metric in self.metrics]
        for callback in [*self.metrics, *self.callbacks]:
            self._begun.append(callback)
            self._call(callback, "train_begin", metrics_names=names)

    def on_epoch_begin(self) -> None:
        """Starts an epoch."""
        self.state_dict.update(num_batch=0, stop_training=False)
        self._call_all("epoch_begin", with_metrics=True)

    def on_batch_begin(self, inputs: Any, target: Any, *, train: bool) -> tuple[Any, Any]:
        """Starts a batch; the input and target to use."""
        self.state_dict.update(
            last_input=inputs,
            last_target=target,
            train=train,
            stop_epoch=False,
            skip_step=False,
            skip_zero=False,
            skip_bwd=False,
        )
        self._call_all("batch_begin", with_metrics=not train)
        return self.state_dict["last_input"], self.state_dict["last_target"]

    def on_loss_begin(self, output: Any) -> Any:
        """Takes the model's output; the output to use."""
        self.state_dict["last_output"] = output
        self._call_all("loss_begin")
        return self.state_dict["last_output"]

    def on_backward_begin(self, loss: torch.Tensor) -> tuple[torch.Tensor, bool]:
        """Takes the loss of a batch that is trained on; the loss to use, and whether to skip the backward pass."""
        # A tensor, as callbacks for fastai v1 expect it, but of Python's precision and on the CPU.
        smooth_loss = torch.tensor(self._average.update(loss.item()), dtype=torch.float64)
        self.state_dict.update(last_loss=loss, smooth_loss=smooth_loss)
        self._call_all("backward_begin")
        return self.state_dict["last_loss"], self.state_dict["skip_bwd"]

    def on_backward_end(self) -> bool:
        """Whether to skip the optimizer step."""
        self._call_all("backward_end")
        return self.state_dict["skip_step"]

    def on_step_end(self) -> bool:
        """Whether to keep the gradients."""
        self._call_all("step_end")
        return self.state_dict["skip_zero"]

    def on_batch_end(self, loss: torch.Tensor) -> bool:
        """Ends a batch; whether the epoch is to end with it."""
        self.state_dict["last_loss"] = loss
        train = self.state_dict["train"]
        self._call_all("batch_end", with_metrics=not train)
        if train:
            self.state_dict["iteration"] += 1
            self.state_dict["num_batch"] += 1
        return self.state_dict["stop_epoch"]

    def on_epoch_end(self, val_loss: float | None) -> bool:
        """Ends an epoch; whether the training is to end with it. `val_loss` is None where nothing was validated."""
        self.state_dict["last_metrics"] = [val_loss]
        self._call_all("epoch_end", with_metrics=val_loss is not None)
        self.state_dict["epoch"] += 1
        return self.state_dict["stop_training"]

    def on_train_end(self, exception: BaseException | bool) -> None:
        """Ends the training; every callback that has begun is called, also after one of them raises."""
        with ExitStack() as stack:
            for callback in reversed(self._begun):  # the stack runs them from the last to the first
                stack.callback(self._call, callback, "train_end", exception=exception)
            self._begun = []

    @property
    def skip_validate(self) -> bool:
        """Whether epochs end without validation."""
        return self.state_dict["skip_validate"]

    def _call_all(self, hook: str, *, with_metrics: bool = False) -> None:
        for callback in [*(self.metrics if with_metrics else ()), *self.callbacks]:
            self._call(callback, hook)

    def _call(self, callback: Callback, hook: str, **extra: Any) -> None:
        changes = getattr(callback, f"on_{hook}")(**self.state_dict, **extra) or {}
        if unknown := changes.keys() - self.state_dict.keys():
            raise ValueError(
                f"{type(callback).__name__}.on_{hook} must return keys of the training's state, got "
                f"{', '.join(sorted(unknown))}"
            )
        self.state_dict.update(changes)
