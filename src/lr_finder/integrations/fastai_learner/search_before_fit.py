"""The search at the beginning of a fastai fit."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from fastai.callback.core import Callback
from fastai.learner import Learner, SkipToEpoch
from numpy.typing import NDArray

from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.curve.horizon import Horizon
from lr_finder.integrations.fastai_learner.find import Fit, samples_a_batch, search
from lr_finder.integrations.fastai_learner.schedules import course_of, kind_of, rate_of, scheduler_of
from lr_finder.integrations.keywords import check_keywords
from lr_finder.progress import say

if TYPE_CHECKING:
    from typing_extensions import Unpack


class LRFinderCallback(Callback):
    """Searches for the learning rate at the beginning of every fit, and trains with it.

        learn.fit_one_cycle(5, cbs=LRFinderCallback())

    The rate is for that fit: for its steps, and for its schedule, which goes its course with this as its highest rate.
    Parameter groups keep their ratios. A fit with a `start_epoch` goes on with the rate that it has.

    Args:
        progress: Whether to show a progress bar; None shows it on a terminal only.
        search: Those of every search: see `lr_finder.SearchOptions`.

    Attributes:
        result: What the last search found; None before, and where a fit went on.

    Raises:
        TypeError: There is no such option; the text names the one that was meant.
        NoSuggestionError: Out of the fit: the curve does not tell a rate.
    """

    name = "lr_finder_callback"  # fastai's own would be "lr_finder", at which trackers and loggers are silent
    order = -5  # after the model is on its device, before other callbacks begin
    learn: Any

    def __init__(self, *, progress: bool | None = None, **search: "Unpack[SearchOptions]"):
        super().__init__()
        check_keywords(search)
        self.progress = progress
        self.search = search
        self.result: RangeTestResult | None = None
        self._scaled: tuple[Any, dict[str, Any]] | None = None

    def before_fit(self) -> None:
        """Searches, sets the rate, and says so."""
        self.after_fit()  # of a fit that ended in an error, which fastai leaves out
        self.result = None
        learn = self.learn
        if hasattr(learn, "lr_finder"):  # fastai's own search, which is a fit
            return
        if any(isinstance(callback, SkipToEpoch) for callback in learn.cbs):
            say("LRFinderCallback: no search, the fit goes on from its start_epoch with the rate that it has")
            return
        groups = learn.opt.hypers
        course = course_of(rate_of(learn), len(groups))
        highest = course.max(1)
        lrs = course[np.argmax(highest)]
        wds = [group["wd"] for group in groups if "wd" in group]
        horizon = Horizon(kind_of(highest) or "constant", _steps_of(learn))
        self.result = search(learn, self.progress, Fit(lrs.tolist(), wds or None, horizon), **self.search)
        found = np.array([suggestion.lr for suggestion in self.result.group_suggestions])
        self._scale(np.divide(found, lrs, out=np.zeros_like(lrs), where=lrs > 0))
        say(f"LRFinderCallback: the learning rate is {self.result.suggestion}; it was {lrs.max():.2g}")

    def after_fit(self) -> None:
        """Gives a schedule its own rates back."""
        if self._scaled is not None:
            scheduler, scheds = self._scaled
            scheduler.scheds = scheds
            self._scaled = None

    def _scale(self, factors: NDArray[np.float64]) -> None:
        """Multiplies the rates of the fit under way, those of its schedule or of its optimizer."""
        scheduler, rate = scheduler_of(self.learn), rate_of(self.learn)
        if scheduler is None:
            self.learn.opt.set_hypers(lr=(rate(0.0) * factors).tolist())
            return
        self._scaled = scheduler, scheduler.scheds
        scheduler.scheds = {**scheduler.scheds, "lr": lambda share: (rate(share) * factors).tolist()}


def _steps_of(learn: Learner) -> int:
    """The optimizer steps of the fit under way."""
    loader = learn.dls.train
    batches = learn.n_epoch * len(loader)
    accumulated = [callback.n_acc for callback in learn.cbs if hasattr(callback, "n_acc")]  # fastai's own has that
    return max(1, batches // math.ceil(max(accumulated, default=1) / (samples_a_batch(loader) or 1)))  # of samples
