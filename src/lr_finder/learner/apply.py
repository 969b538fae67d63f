"""A rate that was found, set in a Learner."""

import numpy as np

from lr_finder.curve.parameter_groups import scaled_to
from lr_finder.learner.learner import Learner


def apply(learn: Learner, lr: float) -> list[tuple[float, float]]:
    """Makes trainings that name no rate train with `lr` as the largest; layer groups keep their ratios.

    Returns:
        The old and the new rate.
    """
    old = float(np.max(learn.lr_range(learn.lr)))
    learn.lr = scaled_to(learn.lr, lr)
    learn.opt.lr = learn.lr_range(learn.lr)
    return [(old, lr)]
