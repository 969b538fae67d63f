"""The schedule of a fastai fit: the course that its rates are to take, and what kind of one that is."""

from collections.abc import Callable
from typing import Any

import numpy as np
from fastai.learner import Learner
from numpy.typing import NDArray

from lr_finder.curve.horizon import SMALL_SHARE, ScheduleKind
from lr_finder.curve.parameter_groups import lrs_of

LONG_RISE = 0.2
"""A rise over so large a share of the steps is that of a cycle; a shorter one warms up (by hand)."""

LIKENESS = 0.1
"""A fall is that of a schedule which it is nowhere further away from, as a share of the highest rate (by hand)."""

POINTS = 201
"""Where a course is looked at, evenly from its beginning to its end."""

Rate = Callable[[float], Any]
"""The rate, or that of each parameter group, for the share of the steps that is done."""


def rate_of(learn: Learner) -> Rate:
    """The rate that the fit under way is going to take: its schedule's, or that of the optimizer throughout."""
    scheduler = scheduler_of(learn)
    lrs = np.array(lrs_of(learn.opt.hypers))
    return (lambda _: lrs) if scheduler is None else scheduler.scheds["lr"]


def scheduler_of(learn: Learner) -> Any:
    """The `ParamScheduler` that moves the rate, told by its attribute, as its module imports all of fastai; or None."""
    return next((callback for callback in learn.cbs if "lr" in getattr(callback, "scheds", ())), None)


def course_of(rate: Rate, groups: int) -> NDArray[np.float64]:
    """The rates on their way, shape (points, parameter groups)."""
    return np.array([np.broadcast_to(rate(share), groups) for share in np.linspace(0, 1, POINTS)], dtype=np.float64)


def kind_of(course: NDArray[np.float64]) -> ScheduleKind | None:
    """Which schedule a course is, shape (points,), warm-up or none; None where it is another.

    >>> kind_of(np.cos(np.linspace(0, np.pi, 100)) + 1)
    'cosine'
    """
    course = course / course.max()
    peak = int(np.argmax(course))
    rise, fall = course[: peak + 1], course[peak:]
    if np.any(np.diff(rise) < 0) or np.any(np.diff(fall) > 0):
        return None
    if fall[-1] > SMALL_SHARE:
        return "constant" if np.allclose(fall, 1) else None
    if np.mean(np.isclose(fall, 1)) >= 0.5:
        return "wsd"
    done = np.linspace(0, 1, len(fall))
    falls: dict[ScheduleKind, NDArray[np.float64]] = {"cosine": (1 + np.cos(np.pi * done)) / 2, "linear": 1 - done}
    off = {kind: float(np.abs(fall - known).max()) for kind, known in falls.items()}
    nearest = min(off, key=lambda kind: off[kind])
    if off[nearest] > LIKENESS:
        return None
    return "one_cycle" if len(rise) >= LONG_RISE * len(course) else nearest
