"""The learning rate finder of a Learner: one plain ramp as a callback, after which everything is put back."""

import math
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from tqdm import tqdm

from lr_finder.core.range_test import RangeTest
from lr_finder.core.result import RangeTestResult
from lr_finder.curve.parameter_groups import largest_momentum
from lr_finder.curve.stopping import BestMultiple, StopReason
from lr_finder.curve.sweep import DEFAULT_END_LR, DEFAULT_START_LR, Bound
from lr_finder.curve.training import Training
from lr_finder.integrations.batches import batch_size_of
from lr_finder.integrations.stateful import stateful
from lr_finder.learner.callback import LearnerCallback
from lr_finder.learner.data import count_batches
from lr_finder.learner.optimizer import Floats
from lr_finder.preserve import preserve

if TYPE_CHECKING:
    from lr_finder.learner.learner import Learner

FOREIGN_WRITER = (
    "A callback of the learner set the learning rate during the search, perhaps a scheduler; the search used its own "
    "rates all the same."
)


class LRFinder(LearnerCallback):
    """Takes a training through rates from `start_lr` to `end_lr`, one batch at each, and then puts everything back.

    `lr_find` runs it; it may also be one of the callbacks of a `fit`, which it ends when the sweep ends. Put back are
    model, optimizer, training loader, loss function and random numbers, whatever ends the training. Nothing is
    written to disk. The learner's other callbacks run as in any training, since they can be a part of it (gradient
    clipping), and what they keep for themselves stays theirs; one that has a `reset` method is reset at the end.

    The sweep counts batches, as fastai v1 did: with a callback that skips optimizer steps, it climbs meanwhile.

    Args:
        learn: The learner.
        start_lr: The rate of the first batch: one number, one per layer group, or a slice as `Learner.lr_range` takes.
        end_lr: The rate of the last batch, likewise.
        num_it: Number of batches.
        stop_div: Whether to stop once the running average of the loss is 4 times its lowest value, or not finite.
        progress: Whether to show a progress bar; None shows it on a terminal only.

    Raises:
        ValueError: A bound or `num_it` is out of range, or a bound has not one rate per layer group.
    """

    def __init__(
        self,
        learn: "Learner",
        start_lr: Bound = DEFAULT_START_LR,
        end_lr: Bound = DEFAULT_END_LR,
        num_it: int = 100,
        stop_div: bool = True,
        *,
        progress: bool | None = None,
    ):
        # The stop rule of a range test reads raw losses; here the callback asks it about the smoothed ones.
        layer_groups = [1.0] * len(learn.layer_groups)
        self._new_test = partial(RangeTest, start_lr, end_lr, num_it, stop_div=False, current_lrs=layer_groups)
        self.test: RangeTest = self._new_test()  # made now, so that a wrong bound is refused now
        self.stop_div = stop_div
        self.progress = progress
        self._divergence = BestMultiple()
        self._preserved = ExitStack()
        super().__init__(learn)

    def on_train_begin(self, pbar: Any, **kwargs: Any) -> dict[str, Any]:
        """Takes note of everything that training changes, and sets the first rate.

        Args:
            pbar: The progress bar; it will be cleared away on an interrupt, and shows no table.
            kwargs: The rest of the training's state.
        """
        if pbar is not None:
            pbar.clean_on_interrupt = True
            pbar.show_table = False  # epochs mean nothing here
            if self.progress is not None:
                pbar.show = self.progress
        optimizer = self.learn.opt.opt
        batch_size = batch_size_of(self.learn.data.train_dl)
        self.test = self._new_test(
            momentum=largest_momentum(optimizer.param_groups),
            training=Training.of([optimizer], batch_size=batch_size, seed=torch.initial_seed()),
        )
        self._divergence = BestMultiple()
        self._preserved.enter_context(preserve(*self._state()))
        self._set_rate()
        return {"skip_validate": True}

    def on_backward_end(self, **kwargs: Any) -> None:
        """Makes sure, right before the step, that it uses the rate which is recorded."""
        if self.learn.opt.lr != self._rate and FOREIGN_WRITER not in self.test.notes:
            self.test.notes.append(FOREIGN_WRITER)
        self._set_rate()

    def on_batch_end(
        self, iteration: int, smooth_loss: Any, last_loss: Any = None, **kwargs: Any
    ) -> dict[str, Any] | None:
        """Records the loss, sets the next rate, and ends the training where the sweep is complete or has diverged.

        Args:
            iteration: Batches before this one.
            smooth_loss: Running average of the loss, which decides on stopping; a number or a tensor of one element.
            last_loss: The loss of this batch, which the result holds; `smooth_loss` where it is not known.
            kwargs: The rest of the training's state.
        """
        if not self.test.has_ended:
            self.test.record(smooth_loss if last_loss is None else last_loss)
            reason = self._divergence.update(float(smooth_loss)) if self.stop_div else None
            if reason is not None:
                self.test.stop(reason)
            self._set_rate()
        return {"stop_epoch": True, "stop_training": True} if self.test.has_ended else None

    def on_epoch_end(self, **kwargs: Any) -> dict[str, Any] | None:
        """Ends the training where the sweep has ended."""
        return {"stop_training": True} if self.test.has_ended else None

    def on_train_end(self, exception: BaseException | bool = False, **kwargs: Any) -> None:
        """Puts everything back and, after an uninterrupted sweep, says how to see its curve.

        Args:
            exception: What ended the training early; it gets the part that was measured, as `partial_result`.
            kwargs: The rest of the training's state.
        """
        error = exception if isinstance(exception, BaseException) else None
        self._preserved.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)
        for callback in self.learn.callbacks:
            if hasattr(callback, "reset"):
                callback.reset()
        if error is not None:
            self.test.keep_partial(error)
            return
        if not self.test.has_ended:
            self.test.stop(StopReason.DATA_ENDED)
        tqdm.write("LR Finder is complete, type {learner_name}.recorder.plot() to see the graph.")

    def _state(self) -> list[Any]:
        """What the training changes."""
        learn = self.learn
        return [learn.model, learn.opt.opt, *stateful(learn.loss_func, learn.data.train_dl)]

    def _set_rate(self) -> None:
        """Gives the optimizer the rates of the next step.

        After the last step too, where nothing will use them: in fastai v1 `opt.lr` is then always above the last rate
        recorded, and code that came from there may count on it.
        """
        lrs = self.test.group_lrs
        if self.test.stop_reason is StopReason.COMPLETED:
            lrs = lrs * (lrs / self.test.curve.group_lrs[-2])
        self.learn.opt.lr = lrs
        self._rate = self.learn.opt.lr


def lr_find(
    learn: "Learner",
    start_lr: Bound = DEFAULT_START_LR,
    end_lr: Bound = DEFAULT_END_LR,
    num_it: int = 100,
    stop_div: bool = True,
    wd: Floats | None = None,
    progress: bool | None = None,
) -> RangeTestResult:
    """Explores learning rates from `start_lr` to `end_lr` in a mock training, and puts everything back.

    The learner's recorder then holds the rates, momenta and smoothed losses, for `learn.recorder.plot()`; the result
    returned holds the raw losses and suggests a rate. Training goes on as if there had been no search. Of the
    learner's settings only `opt.lr` and `opt.wd` are left as the search set them, as in fastai v1; every `fit` sets
    them afresh. See `LRFinder` for what is put back and what other callbacks do meanwhile.

    Args:
        learn: The learner.
        start_lr: The rate of the first batch: one number, one per layer group, or a slice as `Learner.lr_range` takes.
        end_lr: The rate of the last batch, likewise.
        num_it: Number of batches.
        stop_div: Whether to stop when the loss diverges.
        wd: Weight decay during the search; the learner's where left out.
        progress: Whether to show a progress bar; None shows it on a terminal only.

    Returns:
        The result; its `group_lrs` has one column per layer group. An exception that ends the search carries what was
        measured so far as `partial_result`.

    Raises:
        ValueError: An argument is out of range, a bound has not one rate per layer group, or there is no data to
            train with. Nothing has been touched then.
    """
    if not hasattr(learn, "lr_range"):
        raise TypeError(f"learn must be a Learner, got {type(learn).__name__}")
    batches = count_batches(learn.data.train_dl, "train_dl")
    finder = LRFinder(learn, start_lr, end_lr, num_it, stop_div, progress=progress)
    learn.fit(math.ceil(num_it / batches), start_lr, wd, callbacks=[finder])
    return finder.test.result
