"""The search of a fastai Learner, by its own `fit`."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from fastai.callback.core import (
    Callback,
    CancelFitException,  # pyright: ignore[reportAttributeAccessIssue]
    CancelValidException,  # pyright: ignore[reportAttributeAccessIssue]
)
from fastai.learner import Learner
from fastcore.foundation import L

from lr_finder.core.ramp import Ramp, Validate
from lr_finder.core.range_test import READ_EVERY, RangeTest
from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.curve.curve import Curve
from lr_finder.curve.horizon import Horizon
from lr_finder.curve.parameter_groups import largest_momentum, lrs_of
from lr_finder.curve.sweep import Sweep
from lr_finder.curve.training import Training, settings_of
from lr_finder.integrations.batches import batch_size_of
from lr_finder.integrations.search import ENOUGH_EPOCHS, OnStep, search_with_bar
from lr_finder.preserve import preserve

if TYPE_CHECKING:
    from typing_extensions import Unpack

TRAINING_CALLBACKS = ("core", "fp16", "training", "mixup", "rnn", "channelslast")
"""Modules of `fastai.callback` whose callbacks are part of a training step: they switch modes, scale, clip, mix."""


def lr_find(
    learn: Learner,
    *,
    progress: bool | None = None,
    **options: "Unpack[SearchOptions]",
) -> RangeTestResult:
    """Searches for the learning rate of a fastai Learner, and leaves the Learner as it was.

    Its own `fit` trains, with those callbacks that are part of a training step and without validation. A Learner
    whose `lr` is a slice keeps the ratios of its parameter groups.

    Args:
        learn: The Learner.
        progress: Whether to show a progress bar; None shows it on a terminal only.
        options: Those of every search: see `lr_finder.SearchOptions`.

    Raises:
        ValueError: An argument breaks its rule; the text names it.
        TypeError: An argument is of the wrong kind.
    """
    if not isinstance(learn, Learner):
        raise TypeError(f"learn must be a fastai Learner, got {type(learn).__name__}")
    return search(learn, progress, **options)


class Fit(NamedTuple):
    """What a fit under way has of its own.

    Args:
        lrs: The rate of each parameter group; the Learner's where left out.
        wds: The weight decay of each; the Learner's where left out.
        horizon: How long it is and how its rate runs; None where that is not known.
    """

    lrs: list[float] | None = None
    wds: list[float] | None = None
    horizon: Horizon | None = None


ANY_FIT = Fit()


def search(
    learn: Learner, progress: bool | None, fit: Fit = ANY_FIT, **options: "Unpack[SearchOptions]"
) -> RangeTestResult:
    """The search, for a fit that is known or for any.

    Raises:
        ValueError: The Learner has no batches.
    """
    if not len(learn.dls.train):
        raise ValueError("learn.dls.train must have at least one batch; is the batch size larger than the data?")
    return search_with_bar(lambda on_step: _ramp(learn, fit, on_step), progress, **options)


def _ramp(learn: Learner, fit: Fit, on_step: OnStep) -> Ramp:
    def ramp(sweep: Sweep, validate: Validate | None = None) -> Curve:
        with preserve(*_state_of(learn)), ExitStack() as sweeping:
            callback = _SweepCallback(sweep, validate, fit.horizon, on_step, sweeping)
            callback.learn = learn
            learn.cbs = L([*filter(_takes_part, learn.cbs), callback])
            learn.fit(ENOUGH_EPOCHS, fit.lrs, wd=fit.wds if sweep.wd is None else sweep.wd)
            return callback.test.curve

    return ramp


def samples_a_batch(loader: Any) -> int | None:
    """The batch size of a loader, fastai's own or torch's; None where it is not known."""
    return getattr(loader, "bs", None) or batch_size_of(loader)


def _state_of(learn: Learner) -> Iterator[Any]:
    """All that training changes; fastai's own lists and objects are opened here, being of no kind that is known."""
    yield learn
    yield vars(learn.dls.train)
    yield from (vars(callback) for callback in learn.cbs)
    if learn.opt is not None:
        yield vars(learn.opt)
        yield list(learn.opt.hypers)


def _takes_part(callback: Callback) -> bool:
    """Whether a callback, or what it derives from, is one of those that are part of a training step."""
    modules = [kind.__module__ for kind in type(callback).__mro__ if kind is not Callback]
    return any(module == f"fastai.callback.{name}" for module in modules for name in TRAINING_CALLBACKS)


class _SweepCallback(Callback):
    """Sets the rates right before each optimizer step, and tells the range test what came of each batch."""

    order = 1000  # after every other, so that a step that one of them cancels is not counted
    run_valid = False
    learn: Any
    test: Any

    def __init__(
        self,
        sweep: Sweep,
        validate: Validate | None,
        horizon: Horizon | None,
        on_step: OnStep,
        sweeping: ExitStack,
    ):
        self._sweep = sweep
        self._validate = validate
        self._horizon = horizon
        self._on_step = on_step
        self._sweeping = sweeping
        self._has_stepped = False

    def before_fit(self) -> None:
        """Starts the range test, with the ratios of the rates that `fit` has just set."""
        groups, loader = self.learn.opt.hypers, self.learn.dls.train
        on_accelerator = next(self.learn.model.parameters()).device.type != "cpu"
        test = RangeTest.over(
            self._sweep,
            current_lrs=lrs_of(groups),
            read_every=READ_EVERY if on_accelerator else 1,
            validate=self._validate,
            momentum=largest_momentum([{"momentum": group.get("mom")} for group in groups]),
            training=Training(
                getattr(self.learn.opt_func, "__name__", None),
                tuple(settings_of(group) for group in groups),
                samples_a_batch(loader),
                torch.initial_seed(),
                self._horizon,
            ),
            on_step=self._on_step,
        )
        self.test = self._sweeping.enter_context(test)

    def before_step(self) -> None:
        """Sets the rates."""
        self.learn.opt.set_hyper("lr", self.test.group_lrs.tolist())
        self._has_stepped = True

    def after_batch(self) -> None:
        """Tells the loss and whether a step was made; ends the fit with the sweep."""
        self.test.add_batch(self.learn.loss)
        self.test.end_step(self._has_stepped)
        self._has_stepped = False
        if self.test.has_ended:
            raise CancelFitException

    def before_validate(self) -> None:
        """Leaves validation out."""
        raise CancelValidException
