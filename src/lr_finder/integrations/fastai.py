"""fastai 2: its Learner."""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from lr_finder.core.curve import Curve, Ramp
from lr_finder.core.parameter_groups import largest_momentum, read_lrs
from lr_finder.core.range_test import RangeTest
from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions, search
from lr_finder.core.sweep import Sweep
from lr_finder.extras import extra
from lr_finder.preserve import preserve
from lr_finder.progress import progress_bar

with extra("fastai"):
    import torch
    from fastai.callback.core import (
        Callback,
        CancelFitException,  # pyright: ignore[reportAttributeAccessIssue]
        CancelValidException,  # pyright: ignore[reportAttributeAccessIssue]
    )
    from fastai.learner import Learner
    from fastcore.foundation import L

    from lr_finder.integrations.torch_ramp import IDLE_CALLS, READ_EVERY

if TYPE_CHECKING:
    from typing_extensions import Unpack

TRAINING_CALLBACKS = ("core", "fp16", "training", "mixup", "rnn", "channelslast")
"""Modules of `fastai.callback` whose callbacks are part of a training step: they switch modes, scale, clip, mix."""

ENOUGH_EPOCHS = 10**9
"""The callback ends the fit; the data may be as short as a batch."""


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
    if not len(learn.dls.train):
        raise ValueError("learn.dls.train must have at least one batch; is the batch size larger than the data?")
    with progress_bar(progress) as bar:
        ramp = _ramp(learn, on_step=bar.update)
        return search(ramp, plan=bar.plan, **options)


def _ramp(learn: Learner, on_step: Callable[[], object]) -> Ramp:
    def ramp(sweep: Sweep) -> Curve:
        with preserve(*_state_of(learn)):
            climb = _Climb(sweep, on_step)
            climb.learn = learn
            learn.cbs = L([*filter(_takes_part, learn.cbs), climb])
            try:
                learn.fit(ENOUGH_EPOCHS, wd=sweep.wd)
            except BaseException as error:
                if climb.range_test is not None:
                    climb.range_test.keep_partial(error)
                raise
            return climb.range_test.curve

    return ramp


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


class _Climb(Callback):
    """Sets the rates right before each optimizer step, and records its loss."""

    order = 1000  # after every other, so that a step that one of them cancels is not counted
    run_valid = False
    learn: Any

    def __init__(self, sweep: Sweep, on_step: Callable[[], object]):
        self.range_test: Any = None
        self._sweep = sweep
        self._on_step = on_step
        self._losses: list[torch.Tensor] = []
        self._has_stepped = False

    def before_fit(self) -> None:
        """Starts the range test, with the ratios of the rates that `fit` has just set."""
        groups = self.learn.opt.hypers
        on_accelerator = next(self.learn.model.parameters()).device.type != "cpu"
        self.range_test = RangeTest.over(
            self._sweep,
            current_lrs=read_lrs(groups),
            read_every=READ_EVERY if on_accelerator else 1,
            momentum=largest_momentum([{"momentum": group.get("mom")} for group in groups]),
        )

    def before_step(self) -> None:
        """Sets the rates."""
        self.learn.opt.set_hyper("lr", self.range_test.group_lrs.tolist())
        self._has_stepped = True

    def after_batch(self) -> None:
        """Records the mean loss of the batches that a step took; ends the fit with the sweep.

        A step that mixed precision skips is none, unless the loss is not finite: it would then skip every later one.
        """
        self._losses.append(self.learn.loss.detach())
        if not self._has_stepped and math.isfinite(self._losses[-1]):
            if len(self._losses) == IDLE_CALLS:
                raise RuntimeError(f"no optimizer step was taken in {IDLE_CALLS} batches: mixed precision skipped all")
            return
        self.range_test.record(torch.stack(self._losses).mean())
        self._losses.clear()
        self._has_stepped = False
        self._on_step()
        if self.range_test.has_ended:
            raise CancelFitException

    def before_validate(self) -> None:
        """Leaves validation out."""
        raise CancelValidException
