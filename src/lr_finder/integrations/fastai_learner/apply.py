"""A rate that was found, set in a fastai Learner."""

from functools import partial

import numpy as np
from fastai.learner import Learner

from lr_finder.curve.parameter_groups import check_rate, lrs_of, scaled_to


def apply(learn: Learner, lr: float) -> list[tuple[float, float]]:
    """Makes a fastai Learner train with `lr` where a fit names no rate; a slice over its groups keeps its ratios.

    Returns:
        The old and the new rate, the largest of the groups.
    """
    made_with = getattr(learn.opt_func, "keywords", {})
    if "lr" in made_with:  # the optimizer is still to be made, and the Learner would take its rate from there
        learn.lr = made_with["lr"]
        learn.opt_func = partial(learn.opt_func, lr=scaled_to(learn.lr, lr))
    old, learn.lr = learn.lr, scaled_to(learn.lr, lr)
    if learn.opt is not None:
        learn.opt.set_hypers(lr=learn.lr)
        check_rate(max(lrs_of(learn.opt.hypers)), lr)
    return [(float(old.stop if isinstance(old, slice) else np.max(old)), lr)]
