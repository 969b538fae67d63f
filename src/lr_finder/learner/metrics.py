"""Metrics: functions of a model's output and the target, averaged over the validation data."""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch

from lr_finder.learner.callback import Callback, snake_case

Metric: TypeAlias = Callable[..., Any] | Callback
"""A function of output and target, or a callback that adds its value to `last_metrics` at the end of an epoch."""


def accuracy(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The share of samples whose largest output is that of the target's class.

    >>> accuracy(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1])).item()
    0.5

    Args:
        output: Shape `(samples, classes)`.
        target: Class numbers, shape `(samples,)` or `(samples, 1)`.
    """
    samples = target.shape[0]
    return (output.argmax(dim=-1).view(samples, -1) == target.view(samples, -1)).float().mean()


class AverageMetric(Callback):
    """The mean of a function over the samples of an epoch's validation."""

    def __init__(self, function: Callable[..., Any]):
        # A `functools.partial` has no name of its own.
        self.name = getattr(function, "__name__", None) or getattr(function, "func", function).__name__
        self.function = function
        self.count = 0
        self.total: Any = 0.0

    def on_epoch_begin(self, **kwargs: Any) -> None:
        """Starts from nothing."""
        self.count, self.total = 0, 0.0

    def on_batch_end(self, last_output: Any, last_target: Any, **kwargs: Any) -> None:
        """Adds a batch, weighted by its samples."""
        targets = last_target if isinstance(last_target, (list, tuple)) else [last_target]
        samples = targets[0].shape[0]
        value = torch.as_tensor(self.function(last_output, *targets)).detach().cpu()
        self.count += samples
        self.total = self.total + samples * value

    def on_epoch_end(self, last_metrics: list[Any], **kwargs: Any) -> dict[str, Any]:
        """Adds the mean to the epoch's metrics."""
        return {"last_metrics": [*last_metrics, self.total / self.count]}


def as_callback(metric: Metric) -> Callback:
    """A metric as a callback."""
    return metric if isinstance(metric, Callback) else AverageMetric(metric)


def metric_name(metric: Callback) -> str:
    """What a metric's column in the table is called."""
    return getattr(metric, "name", snake_case(type(metric).__name__))
