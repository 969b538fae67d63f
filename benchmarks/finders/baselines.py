"""Rates that need no search: constants, the best constant of the other tasks, a random rate."""

import numpy as np

from benchmarks.finders.regret import regret_curve
from benchmarks.finders.truth_file import Truth

ADAPTIVE = ("adamw", "rmsprop", "sparse_adam")


def usual_constant(truth: Truth) -> float | None:
    """1e-3 for what descends from Adam, 1e-1 for SGD; None for optimizers without a usual rate."""
    if truth.optimizer in ADAPTIVE:
        return 1e-3
    return 1e-1 if truth.optimizer in ("sgd", "momentum") else None


def best_constant_elsewhere(truth: Truth, truths: list[Truth], schedule: str) -> float | None:
    """The measured rate of least mean regret on the other tasks with this optimizer; None where there are none."""
    curves = [
        regret_curve(other, schedule)
        for other in truths
        if other.optimizer == truth.optimizer and other.task != truth.task
    ]
    if not curves:
        return None
    measured = 10 ** np.unique(np.concatenate([curve.log_rates for curve in curves]))
    return float(min(measured, key=lambda rate: np.mean([curve.at(rate) for curve in curves])))


def random_rate(truth: Truth) -> float:
    """Log-uniform in 1e-6 .. 10, drawn from the case's name."""
    return float(10 ** np.random.default_rng(list(truth.case.encode())).uniform(-6, 1))
