"""One cycle of the learning rate: up, and far down again, while momentum does the opposite (Smith 2018)."""

from typing import TYPE_CHECKING, Any

import numpy as np

from lr_finder.learner.callback import LearnerCallback
from lr_finder.learner.data import count_batches
from lr_finder.learner.optimizer import Floats

if TYPE_CHECKING:
    from lr_finder.learner.learner import Learner


class OneCycleScheduler(LearnerCallback):
    """Sets rate and momentum before each batch of a training, along two halves of a cosine.

    Args:
        learn: The learner.
        lr_max: The highest rate, one number or one per layer group.
        moms: Momentum at the lowest and at the highest rate.
        div_factor: How far below the highest rate the training starts.
        pct_start: The share of the batches on which the rate rises.
        final_div: How far below the highest rate the training ends; 10 000 times `div_factor` where left out.

    Raises:
        ValueError: `pct_start` is not between 0 and 1.
    """

    def __init__(
        self,
        learn: "Learner",
        lr_max: Floats,
        moms: tuple[float, float] = (0.95, 0.85),
        div_factor: float = 25.0,
        pct_start: float = 0.3,
        final_div: float | None = None,
    ):
        super().__init__(learn)
        if not 0 <= pct_start <= 1:
            raise ValueError(f"pct_start must be from 0 to 1, got {pct_start}")
        self.lr_max = np.asarray(lr_max, dtype=np.float64)
        self.moms = moms
        self.pct_start = pct_start
        self.div_factor = div_factor
        self.final_div = div_factor * 1e4 if final_div is None else final_div

    def on_train_begin(self, n_epochs: int, **kwargs: Any) -> None:
        """Sets the first rate and momentum."""
        self._batches = count_batches(self.learn.data.train_dl, "train_dl") * n_epochs
        self._rising = int(self._batches * self.pct_start)
        self._done = 0
        self._set()

    def on_batch_end(self, train: bool, **kwargs: Any) -> None:
        """Sets the rate and momentum of the next batch."""
        if train:
            self._done += 1
            self._set()

    def _set(self) -> None:
        """Writes what the next batch uses into the optimizer."""
        opt = self.learn.opt
        momentum_slow, momentum_fast = self.moms
        if self._done <= self._rising:
            share = self._done / self._rising if self._rising else 1.0
            opt.lr = anneal(self.lr_max / self.div_factor, self.lr_max, share)
            momentum = anneal(momentum_slow, momentum_fast, share)
        else:
            share = (self._done - self._rising) / (self._batches - self._rising)
            opt.lr = anneal(self.lr_max, self.lr_max / self.final_div, share)
            momentum = anneal(momentum_fast, momentum_slow, share)
        if opt.mom is not None:
            opt.mom = momentum


def anneal(start: Floats, end: Floats, share: float) -> np.ndarray:
    """The point between two values at a share of the way along half a cosine; exactly those at 0 and 1.

    >>> float(anneal(1.0, 3.0, 0.5))
    2.0
    """
    weight = (1 + np.cos(np.pi * share)) / 2
    return np.multiply(start, weight) + np.multiply(end, 1 - weight)
