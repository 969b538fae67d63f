"""The Learner: a model with its data and loss, and the ways to train it, after fastai v1."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import torch
from torch import nn

from lr_finder.core.result import RangeTestResult
from lr_finder.core.storage import whole_or_not_at_all
from lr_finder.curve.horizon import ScheduleKind
from lr_finder.curve.parameter_groups import scaled_to
from lr_finder.curve.sweep import DEFAULT_END_LR, DEFAULT_START_LR, Bound
from lr_finder.learner import training
from lr_finder.learner.callback import Callback
from lr_finder.learner.callback_handler import CallbackHandler
from lr_finder.learner.data import DataBunch, Loader, count_batches
from lr_finder.learner.layers import Split, one_group, set_trainable, split_layers
from lr_finder.learner.lr_finder import lr_find
from lr_finder.learner.metrics import Metric
from lr_finder.learner.one_cycle import OneCycleScheduler
from lr_finder.learner.optimizer import Floats, OptimizerFunction, OptimWrapper
from lr_finder.learner.recorder import Recorder
from lr_finder.progress import say

DEFAULT_LR = slice(3e-3)

Adam: OptimizerFunction = partial(torch.optim.Adam, betas=(0.9, 0.99))

File: TypeAlias = str | PathLike[str] | IO[bytes]
"""A name below the learner's model folder, or an open file."""


class Learner:
    """Trains `model` on `data` to make `loss_func` small, with an optimizer from `opt_func`.

    Args:
        data: What to train and validate with.
        model: The model; it is moved to the data's device.
        opt_func: Makes the torch optimizer from parameter groups.
        loss_func: Of output and target; cross entropy where left out.
        metrics: What to measure on the validation data: functions of output and target, or callbacks.
        true_wd: Whether weight decay is apart from the gradient's step.
        bn_wd: Whether biases and the parameters of norm layers are decayed too.
        wd: Weight decay, one number or one per layer group.
        train_bn: Whether BatchNorm layers of frozen layer groups are trained all the same.
        path: The folder to save below; that of the data where left out.
        model_dir: The folder in `path` that `save` and `load` use.
        callback_fns: Functions that make a callback from the learner, called for each training.
        callbacks: Callbacks of every training.
        layer_groups: Parts of the model that can be frozen, and trained at a rate of their own; `split` makes them.
        silent: Whether trainings show neither table nor progress bar.

    Attributes:
        lr: The rate of trainings that name none: slice(3e-3), or what `result.apply(learn)` set.
        recorder: The `Recorder` of the last training; there is none before the first.
    """

    recorder: Recorder

    def __init__(
        self,
        data: DataBunch,
        model: nn.Module,
        opt_func: OptimizerFunction = Adam,
        loss_func: Callable[..., torch.Tensor] | None = None,
        metrics: Metric | Iterable[Metric] | None = None,
        true_wd: bool = True,
        bn_wd: bool = True,
        wd: Floats = 1e-2,
        train_bn: bool = True,
        path: "str | PathLike[str] | None" = None,
        model_dir: "str | PathLike[str]" = "models",
        callback_fns: Callable[["Learner"], Callback] | Iterable[Callable[["Learner"], Callback]] | None = None,
        callbacks: Callback | Iterable[Callback] | None = None,
        layer_groups: Sequence[nn.Module] | None = None,
        silent: bool = False,
    ):
        self.data = data
        self.model = model.to(data.device)
        self.opt_func = opt_func
        self.loss_func = nn.CrossEntropyLoss() if loss_func is None else loss_func
        self.metrics = _as_list(metrics)
        self.true_wd = true_wd
        self.bn_wd = bn_wd
        self.wd = wd
        self.train_bn = train_bn
        self.path = data.path if path is None else Path(path)
        self.model_dir = Path(model_dir)
        self.callback_fns = [partial(Recorder, silent=silent), *_as_list(callback_fns)]
        self.callbacks = _as_list(callbacks)
        self.layer_groups = list(layer_groups or one_group(self.model))
        self.silent = silent
        self.lr: Floats | slice = DEFAULT_LR
        self._opt: OptimWrapper | None = None

    @property
    def opt(self) -> OptimWrapper:
        """The optimizer; made when it is first needed."""
        if self._opt is None:
            self.create_opt(self.lr, self.wd)
        return self._opt  # pyright: ignore[reportReturnType]

    @opt.setter
    def opt(self, opt: OptimWrapper) -> None:
        self._opt = opt

    def create_opt(self, lr: "Floats | slice", wd: Floats = 0.0) -> None:
        """Makes a new optimizer over the trainable parameters of the layer groups."""
        lrs = self.lr_range(lr)
        self.opt = OptimWrapper.create(self.opt_func, lrs, self.layer_groups, wd, self.true_wd, self.bn_wd)

    def lr_range(self, lr: "Floats | slice") -> Floats:
        """One rate per layer group from a slice; anything else as it is.

        `slice(a, b)` spreads the layer groups evenly in log from `a` to `b`; `slice(b)` gives the last one `b` and
        the others `b / 10`.

        Raises:
            ValueError: The slice has no end.
        """
        if not isinstance(lr, slice):
            return lr
        if lr.stop is None:
            raise ValueError(f"lr must be a number, one per layer group, slice(end) or slice(start, end), got {lr}")
        groups = len(self.layer_groups)
        if lr.start is None or groups == 1:
            return np.array([lr.stop / 10] * (groups - 1) + [lr.stop])
        return np.geomspace(lr.start, lr.stop, groups)

    def fit(
        self,
        epochs: int,
        lr: "Floats | slice | RangeTestResult | None" = None,
        wd: Floats | None = None,
        callbacks: Callback | Iterable[Callback] | None = None,
    ) -> None:
        """Trains the model.

        Args:
            epochs: How often to go through the training data.
            lr: One rate, one per layer group, or a slice over the layer groups; the learner's where left out. What a
                search found stands for its rate in a training of so many epochs; the layer groups keep the ratios that
                were searched, or the learner's where the search had other groups.
            wd: Weight decay; the learner's where left out.
            callbacks: Callbacks of this training beside the learner's.

        Raises:
            ValueError: There is no data to train with, or `lr` or `wd` is out of range.
            NoSuggestionError: The search found no rate.
        """
        lrs = self._lrs(lr, "constant", epochs)
        self.opt.wd = self.wd if wd is None else wd
        self.opt.lr = lrs
        made = [make(self) for make in self.callback_fns]
        training.train(self, epochs, [*self.callbacks, *made, *_as_list(callbacks)])

    def fit_one_cycle(
        self,
        cyc_len: int,
        max_lr: "Floats | slice | RangeTestResult | None" = None,
        moms: tuple[float, float] = (0.95, 0.85),
        div_factor: float = 25.0,
        pct_start: float = 0.3,
        final_div: float | None = None,
        wd: Floats | None = None,
        callbacks: Callback | Iterable[Callback] | None = None,
    ) -> None:
        """Trains the model for `cyc_len` epochs in one cycle of the rate; see `OneCycleScheduler`.

        What a search found stands, as `max_lr`, for the peak of a cycle of so many epochs.
        """
        max_lr = self._lrs(max_lr, "one_cycle", cyc_len)
        cycle = OneCycleScheduler(self, max_lr, moms, div_factor, pct_start, final_div)
        self.fit(cyc_len, max_lr, wd, [*_as_list(callbacks), cycle])

    def _lrs(self, lr: "Floats | slice | RangeTestResult | None", kind: ScheduleKind, epochs: int) -> Floats:
        """The rate, or the rates of the layer groups, for a training of so many epochs under a schedule."""
        steps = epochs * count_batches(self.data.train_dl, "train_dl")
        if not isinstance(lr, RangeTestResult):
            return self.lr_range(self.lr if lr is None else lr)
        schedule = lr.schedule(kind, max(steps, 1))
        if not self.silent:
            say(f"LR Finder: the learning rate is {schedule.lr:.2g}. {schedule.advice}")
        searched = lr.group_lrs[0]
        ratios_from = searched if len(searched) == len(self.layer_groups) else self.lr
        return self.lr_range(scaled_to(ratios_from, schedule.lr))

    def lr_find(
        self,
        start_lr: Bound = DEFAULT_START_LR,
        end_lr: Bound = DEFAULT_END_LR,
        num_it: int = 100,
        stop_div: bool = True,
        wd: Floats | None = None,
        progress: bool | None = None,
    ) -> RangeTestResult:
        """Explores learning rates in a mock training and puts everything back; see `lr_finder.learner.lr_find`."""
        return lr_find(self, start_lr, end_lr, num_it, stop_div, wd, progress)

    def validate(
        self,
        dl: Loader | None = None,
        callbacks: Callback | Iterable[Callback] | None = None,
        metrics: Metric | Iterable[Metric] | None = None,
    ) -> list[Any]:
        """The loss and the metrics on the validation data, or on those of another loader.

        Raises:
            ValueError: There are no data to validate with.
        """
        loader = self.data.valid_dl if dl is None else dl
        if loader is None:
            raise ValueError("dl must be given, since the data have no valid_dl")
        metrics = self.metrics if metrics is None else _as_list(metrics)
        handler = CallbackHandler([*self.callbacks, *_as_list(callbacks)], metrics)
        handler.on_train_begin(1, None, metrics)
        handler.on_epoch_begin()
        handler.on_epoch_end(training.validate(self, loader, handler))
        return handler.state_dict["last_metrics"]

    def split(self, split_on: "Callable[[nn.Module], Split] | Split") -> "Learner":
        """Splits the model into layer groups; its optimizer is made anew.

        Args:
            split_on: The layers with which groups begin, in the order of the model; or a list of layers for each
                group; or a function of the model that returns the one or the other.
        """
        if callable(split_on) and not isinstance(split_on, nn.Module):
            split_on = split_on(self.model)
        self.layer_groups = split_layers(self.model, _as_list(split_on))
        self._opt = None
        return self

    def freeze_to(self, n: int) -> None:
        """Freezes the layer groups before the n-th and trains the others; the optimizer is made anew."""
        for group in self.layer_groups[:n]:
            set_trainable(group, False, keep_batch_norms=self.train_bn)
        for group in self.layer_groups[n:]:
            set_trainable(group, True)
        self._opt = None

    def freeze(self) -> None:
        """Freezes all layer groups but the last.

        Raises:
            ValueError: There is only one.
        """
        if len(self.layer_groups) < 2:
            raise ValueError("layer_groups must be at least 2 to freeze all but the last, got 1; split() makes them")
        self.freeze_to(-1)

    def unfreeze(self) -> None:
        """Trains all layer groups."""
        self.freeze_to(0)

    def save(self, file: File, return_path: bool = False, with_opt: bool = True) -> Path | None:
        """Writes the model's state and the optimizer's, to `path / model_dir / f"{file}.pth"` or an open file.

        An existing file is replaced only once the new one is complete.

        Args:
            file: Where to.
            return_path: Whether to return the path of the file.
            with_opt: Whether to include the optimizer.
        """
        target = self._target(file)
        model = self.model.state_dict()
        state = {"model": model, "opt": self.opt.state_dict()} if with_opt else model
        if not isinstance(target, Path):
            torch.save(state, target)
            return None
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_or_not_at_all(target) as unfinished, unfinished.open("xb") as opened:
            torch.save(state, opened)
        return target if return_path else None

    def load(
        self,
        file: File,
        device: "torch.device | str | None" = None,
        strict: bool = True,
        with_opt: bool | None = None,
    ) -> "Learner":
        """Reads what `save` wrote. Nothing in the file is ever executed.

        Args:
            file: Where from.
            device: Where to put the tensors read; the data's device where left out.
            strict: Whether the model must have exactly the parameters and buffers of the file.
            with_opt: Whether to read the optimizer's state; None reads it where the file has one.

        Raises:
            ValueError: There is no optimizer's state where one is asked for, or it is of other layer groups.
        """
        state = torch.load(self._target(file), map_location=device or self.data.device, weights_only=True)
        has_opt = state.keys() == {"model", "opt"}
        if with_opt and not has_opt:
            raise ValueError("with_opt must not be True for a file without an optimizer's state")
        self.model.load_state_dict(state["model"] if has_opt else state, strict=strict)
        if has_opt and with_opt is not False:
            self.opt.load_state_dict(state["opt"])
        return self

    def _target(self, file: File) -> "Path | IO[bytes]":
        return self.path / self.model_dir / f"{file}.pth" if isinstance(file, (str, PathLike)) else file


def _as_list(value: Any) -> list[Any]:
    """One thing, several or None as a list."""
    if value is None:
        return []
    return [value] if callable(value) or isinstance(value, Callback) else list(value)
