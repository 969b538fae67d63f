"""A training whose losses are known in closed form: SGD on half of `CURVATURE * weight ** 2`.

One step at rate `lr` multiplies the weight by `1 - lr * CURVATURE`, so the loss falls while `lr < 2 / CURVATURE` and
runs away above.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_finder import RangeTestResult
from lr_finder.curve.smoothing import ExponentialAverage

CURVATURE = 4.0
FIRST_WEIGHT = 3.0


def known_losses(lrs: np.ndarray) -> np.ndarray:
    """The loss before each step, shape `(steps,)`."""
    weights = FIRST_WEIGHT * np.concatenate([[1.0], np.cumprod(1 - lrs[:-1] * CURVATURE)])
    return 0.5 * CURVATURE * weights**2


def known_stop(losses: np.ndarray, drop_factor: float = 4.0, noise_factor: float = 6.0) -> int | None:
    """How many steps the rule of `Divergence` takes: written again from its description, slow and plain."""
    for taken in range(9, len(losses) + 1):
        medians = [np.sort(losses[max(i - 4, 0) : i + 1])[min(i, 4) // 2] for i in range(taken)]
        lowest = int(np.argmin(medians))
        drop = max(medians[: lowest + 1]) - medians[lowest]
        jumps = np.sort(np.abs(np.diff(losses[:taken]))[: max(lowest, 8)])
        jump = jumps[3 * len(jumps) // 4]
        size = max(medians[: lowest + 1])
        if medians[-1] - medians[lowest] > max(drop_factor * drop, noise_factor * jump, 1e-6 * size):
            return taken
    return None


def known_reference_stop(losses: np.ndarray) -> int | None:
    """How many steps fastai v1's rule takes: 4 times the best debiased average (0.98) of the losses."""
    average, best = ExponentialAverage(0.98), np.inf
    for taken, loss in enumerate(losses, start=1):
        smooth = average.update(loss)
        best = min(best, smooth)
        if smooth > 4 * best:
            return taken
    return None


class Quadratic(nn.Module):
    """The model: its output is the loss, once for every sample."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(FIRST_WEIGHT, dtype=torch.float64))

    def forward(self, ones: torch.Tensor) -> torch.Tensor:
        return 0.5 * CURVATURE * (self.weight * ones) ** 2


def mean_output(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The loss function: the model's output is the loss already."""
    return output.mean() + 0 * target.sum()


def loader(batches: int = 5, batch_size: int = 2) -> DataLoader:
    """Batches of ones."""
    ones = torch.ones(batches * batch_size, 1, dtype=torch.float64)
    return DataLoader(TensorDataset(ones, torch.zeros_like(ones)), batch_size=batch_size)


def training(lr: float = 0.01) -> tuple[Quadratic, torch.optim.Optimizer, object, DataLoader]:
    """What `lr_find` takes in plain PyTorch."""
    model = Quadratic()
    return model, torch.optim.SGD(model.parameters(), lr=lr), mean_output, loader()


@dataclass
class Run:
    """A range test on the quadratic, made in one of the ways that there are.

    Args:
        result: What it found; None where it raised.
        error: What it raised.
        check_untouched: Asserts that the weight, the optimizer and all else are as before.
        rounding: Relative error of its arithmetic; single precision where the framework computes in that.
    """

    result: RangeTestResult | None
    error: BaseException | None
    check_untouched: Callable[[], None]
    rounding: float = 1e-12


def run(search: Callable[[], RangeTestResult], check_untouched: Callable[[], None], rounding: float = 1e-12) -> Run:
    """Makes a range test and catches what a test may have put into it."""
    try:
        return Run(search(), None, check_untouched, rounding)
    except (ArithmeticError, KeyboardInterrupt) as error:
        return Run(None, error, check_untouched, rounding)
