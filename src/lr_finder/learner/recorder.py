"""The record of one training: rates, momenta, losses and metrics, and plots of them."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lr_finder.extras import extra
from lr_finder.learner.callback import LearnerCallback

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lr_finder.learner.learner import Learner


class Recorder(LearnerCallback):
    """Records a training and writes its table; the learner's `recorder` is that of the last training.

    Args:
        learn: The learner.
        silent: Whether to leave the table out.

    Attributes:
        lrs: The rate of each batch, that of the last layer group.
        moms: The momentum of each batch, likewise; None for an optimizer without.
        losses: The debiased running average (0.98) of the training loss after each batch.
        val_losses: The validation loss of each epoch; None where it was not validated.
        metrics: The metrics of each epoch that was validated.
        nb_batches: How many batches each epoch had.
        min_grad_lr: The rate where the loss fell most from batch to batch; None until `plot(suggestion=True)`.
    """

    _order = -10  # before the callbacks that change what it records

    def __init__(self, learn: "Learner", silent: bool = False):
        super().__init__(learn)
        self.opt = learn.opt
        self.silent = silent
        self.min_grad_lr: float | None = None
        self._start()

    def _start(self) -> None:
        self.lrs: list[float] = []
        self.moms: list[float | None] = []
        self.losses: list[Any] = []
        self.val_losses: list[float | None] = []
        self.metrics: list[list[Any]] = []
        self.nb_batches: list[int] = []

    def on_train_begin(self, pbar: Any, metrics_names: list[str], **kwargs: Any) -> None:
        """Starts a new record."""
        self.pbar = pbar
        self.metrics_names = metrics_names
        self._start()

    def on_epoch_begin(self, **kwargs: Any) -> None:
        """Notes the time; the first time it writes the table's head, once every callback has had its say on that."""
        if not self.nb_batches:
            self._write_row(["epoch", "train_loss", "valid_loss", *self.metrics_names, "time"])
        self._epoch_began = time.monotonic()

    def on_batch_begin(self, train: bool, **kwargs: Any) -> None:
        """Records the rate and momentum that the batch uses."""
        if train:
            self.lrs.append(self.opt.lr)
            self.moms.append(self.opt.mom)

    def on_backward_begin(self, smooth_loss: Any, **kwargs: Any) -> None:
        """Records the running average of the loss, before another callback can change the loss."""
        self.losses.append(smooth_loss)
        if getattr(self.pbar, "child", None) is not None:
            self.pbar.child.comment = f"{smooth_loss:.4f}"

    def on_epoch_end(
        self, epoch: int, num_batch: int, smooth_loss: Any, last_metrics: list[Any], **kwargs: Any
    ) -> None:
        """Records the epoch and writes its row."""
        self.nb_batches.append(num_batch)
        self.val_losses.append(last_metrics[0])
        if len(last_metrics) > 1:
            self.metrics.append(last_metrics[1:])
        seconds = time.monotonic() - self._epoch_began
        cells = ["#na#" if value is None else f"{value:.6f}" for value in (smooth_loss, *last_metrics)]
        self._write_row([str(epoch), *cells, tqdm.format_interval(seconds)])

    def _write_row(self, cells: list[str]) -> None:
        if not self.silent:
            self.pbar.write(cells, table=True)

    def plot(
        self,
        skip_start: int = 10,
        skip_end: int = 5,
        suggestion: bool = False,
        return_fig: bool | None = None,
        show_grid: bool = False,
    ) -> "Figure | None":
        """Plots the smoothed loss against the rate.

        Args:
            skip_start: Batches to leave out at the beginning.
            skip_end: Batches to leave out at the end.
            suggestion: Whether to mark the rate where the loss falls most from batch to batch, up to its lowest
                point; to print that and a tenth of the rate with the lowest loss; and to keep it as `min_grad_lr`.
            return_fig: Whether to return the figure.
            show_grid: Whether to draw a grid.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        lrs = _cut(self.lrs, skip_start, skip_end)
        losses = _numbers(_cut(self.losses, skip_start, skip_end))
        figure, ax = _new_figure()
        ax.plot(lrs, losses)
        ax.set_xscale("log")
        ax.set_xlabel("Learning Rate")
        ax.set_ylabel("Loss")
        ax.xaxis.set_major_formatter("{x:.0e}")
        if show_grid:
            ax.grid(True, which="both")
        if suggestion:
            self._suggest(ax, lrs, losses)
        return figure if return_fig else None

    def _suggest(self, ax: "Axes", lrs: Sequence[float], losses: NDArray[np.float64]) -> None:
        lowest = _lowest(losses)
        # Up to the lowest loss: fastai v1 looked beyond, and after a sweep through divergence (`stop_div=False`) it
        # marked a rate far above, where the running average falls again from its peak.
        steepest = None if lowest is None or len(losses) < 2 else _lowest(np.gradient(losses)[: lowest + 1])
        if lowest is None or steepest is None:
            print("Failed to compute the gradients, there might not be enough points.")  # noqa: T201
            return
        self.min_grad_lr = lrs[steepest]
        ax.plot(lrs[steepest], losses[steepest], markersize=10, marker="o", color="red")
        print(f"Min numerical gradient: {self.min_grad_lr:.2E}")  # noqa: T201
        print(f"Min loss divided by 10: {lrs[lowest] / 10:.2E}")  # noqa: T201

    def plot_lr(
        self, show_moms: bool = False, skip_start: int = 0, skip_end: int = 0, return_fig: bool | None = None
    ) -> "Figure | None":
        """Plots the rate over the batches, and the momentum beside it where asked for."""
        shown = {"Learning Rate": self.lrs, "Momentum": self.moms} if show_moms else {"Learning Rate": self.lrs}
        figure, *axes = _new_figure(columns=len(shown), figsize=(12, 4) if show_moms else None)
        for ax, (name, values) in zip(axes, shown.items(), strict=True):
            ax.plot(_cut(range(len(values)), skip_start, skip_end), _numbers(_cut(values, skip_start, skip_end)))
            ax.set_xlabel("Iterations")
            ax.set_ylabel(name)
        return figure if return_fig else None

    def plot_losses(
        self, skip_start: int = 0, skip_end: int = 0, return_fig: bool | None = None, show_grid: bool = False
    ) -> "Figure | None":
        """Plots the smoothed training loss and the validation losses over the batches."""
        figure, ax = _new_figure()
        batches = range(len(self.losses))
        ax.plot(_cut(batches, skip_start, skip_end), _numbers(_cut(self.losses, skip_start, skip_end)), label="Train")
        ends, epochs = self._epochs(skip_start, skip_end)
        ax.plot(ends, _numbers(self.val_losses)[epochs], marker="o", label="Validation")
        ax.grid(show_grid)
        ax.set_xlabel("Batches processed")
        ax.set_ylabel("Loss")
        ax.legend()
        return figure if return_fig else None

    def plot_metrics(
        self, skip_start: int = 0, skip_end: int = 0, return_fig: bool | None = None, show_grid: bool = False
    ) -> "Figure | None":
        """Plots each metric over the batches, one below the other.

        Raises:
            ValueError: The training had no metrics.
        """
        if not self.metrics:
            raise ValueError("metrics must be given to the learner for a plot of them, and there were none")
        count = len(self.metrics[0])
        figure, *axes = _new_figure(rows=count, figsize=(6, 4 * count))
        ends, epochs = self._epochs(skip_start, skip_end)
        for ax, name, values in zip(axes, self.metrics_names, zip(*self.metrics, strict=True), strict=True):
            ax.plot(ends, _numbers(values)[epochs], marker="o")
            ax.grid(show_grid)
            ax.set_xlabel("Batches processed")
            ax.set_ylabel(name)
        return figure if return_fig else None

    def _epochs(self, skip_start: int, skip_end: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Where the epochs end that are shown, in batches, and which epochs these are."""
        ends = np.cumsum(self.nb_batches, dtype=np.intp)
        shown = (ends >= skip_start) & (ends <= len(self.losses) - skip_end)
        return ends[shown], shown


def _cut(values: Sequence[Any], skip_start: int, skip_end: int) -> Sequence[Any]:
    return values[skip_start : max(len(values) - skip_end, skip_start)]


def _numbers(values: Sequence[Any]) -> NDArray[np.float64]:
    """Numbers, tensors of one element and None, which becomes NaN and is not drawn."""
    return np.array([np.nan if value is None else float(value) for value in values])


def _lowest(values: NDArray[np.float64]) -> int | None:
    """Where the lowest finite value is; a training that has run away is full of others."""
    finite = np.isfinite(values)
    return int(np.argmin(np.where(finite, values, np.inf))) if finite.any() else None


def _new_figure(rows: int = 1, columns: int = 1, figsize: tuple[float, float] | None = None) -> "tuple[Any, ...]":
    """A figure of pyplot and its axes, from left to right and from top to bottom."""
    with extra("plot"):
        import matplotlib.pyplot as plt

    figure, axes = plt.subplots(rows, columns, figsize=figsize, squeeze=False, layout="constrained")
    return figure, *axes.flat
