"""Which rate at which step: the plan of one ramp, as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Bound: TypeAlias = float | Sequence[float] | slice
"""One rate for all parameter groups, one per group, or a slice over the groups as in fastai."""

DEFAULT_START_LR = 1e-7
DEFAULT_END_LR = 10.0


@dataclass(frozen=True)
class Sweep:
    """The rates of `num_it` optimizer steps, from exactly `start_lr` to exactly `end_lr`.

    A bound is one number (the rate of the group with the largest rate; the others keep their ratio to it), one number
    per parameter group, or a slice: `slice(a, b)` spreads the groups evenly in log from `a` to `b`, and `slice(b)`
    gives the last group `b` and the others `b / 10`. Beside one of these, one number is every group's. `lrs` then has
    the rates of the largest, or of the last group. A group that starts where it ends is held at that rate, which may be
    0, while others climb.

    `wd`, when given, is the weight decay during the sweep. `shape="constant"` holds one rate, for short runs. Of the
    steps the last `hold` stay at `end_lr`, which the ones before them have reached.

    >>> Sweep(1e-3, 1.0, 4).lrs.tolist()
    [0.001, 0.01, 0.1, 1.0]
    """

    start_lr: Bound
    end_lr: Bound
    num_it: int
    shape: Literal["exponential", "linear", "constant"] = "exponential"
    stop_div: bool = True
    wd: float | None = None
    hold: int = 0

    def __post_init__(self):
        shapes = ("exponential", "linear", "constant")
        if self.shape not in shapes:
            raise ValueError(f"shape must be one of {', '.join(shapes)}, got {self.shape!r}")
        if not isinstance(self.stop_div, (bool, np.bool_)):
            raise TypeError(f"stop_div must be True or False, got {self.stop_div!r}")
        constant = self.shape == "constant"
        least = 1 if constant else 2
        if isinstance(self.num_it, bool) or not isinstance(self.num_it, (int, np.integer)):
            raise TypeError(f"num_it must be a whole number, got {self.num_it!r}")
        if self.num_it < least:
            raise ValueError(f"num_it must be at least {least}, got {self.num_it}")
        if not (isinstance(self.hold, (int, np.integer)) and 0 <= self.hold <= self.num_it - least):
            raise ValueError(f"hold must be from 0 to {self.num_it - least} of {self.num_it} steps, got {self.hold}")
        if self.wd is not None and not (isinstance(self.wd, Real) and np.isfinite(self.wd) and self.wd >= 0):
            raise ValueError(f"wd must be a finite number of at least 0, got {self.wd}")
        starts, ends = self._bounds
        _check_same_length(starts, ends)
        if ((starts == 0) != (ends == 0)).any():
            bounds = f"got {self.start_lr} and {self.end_lr}"
            raise ValueError(f"start_lr and end_lr must both be 0 for a group that is held at 0, {bounds}")
        if constant and (starts != ends).any():
            bounds = f"got {self.start_lr} and {self.end_lr}"
            raise ValueError(f"start_lr and end_lr must be the same with shape='constant', {bounds}")
        if not constant and not ((starts <= ends).all() and (starts < ends).any()):
            raise ValueError(f"start_lr must be smaller than end_lr, got {self.start_lr} and {self.end_lr}")

    @classmethod
    def at(cls, lr: Bound, num_it: int, *, wd: float | None = None) -> "Sweep":
        """A short run at one rate."""
        return cls(lr, lr, num_it, shape="constant", stop_div=True, wd=wd)

    @classmethod
    def warm_up(cls, peak: float | Sequence[float], steps: int, num_it: int, *, wd: float | None = None) -> "Sweep":
        """A short run that climbs to its peak along a line in so many steps, and stays there."""
        if steps < 2:
            return cls.at(peak, num_it, wd=wd)
        first = (np.asarray(peak) / steps).tolist()
        return cls(first, peak, num_it, shape="linear", wd=wd, hold=num_it - steps)

    @property
    def lrs(self) -> NDArray[np.float64]:
        """The rate of each step, shape `(num_it,)`: that of the group with the largest rate, of those that climb."""
        starts, ends = np.broadcast_arrays(*self._bounds)
        climbs = (starts < ends) | (self.shape == "constant")
        leading = int(np.argmax(np.where(climbs, starts * ends, 0)))
        return self._ramp(starts[leading], ends[leading])

    def group_lrs(self, current: Sequence[float]) -> NDArray[np.float64]:
        """The rate of each parameter group at each step, shape `(num_it, groups)`.

        Args:
            current: The groups' rates before the sweep, whose ratios bounds of one number keep.

        Raises:
            ValueError: A bound has another number of rates than there are groups.
        """
        if is_by_group(self.start_lr) or is_by_group(self.end_lr):
            current = np.ones(len(current)).tolist()
        starts = _spread("start_lr", self.start_lr, current)
        ends = _spread("end_lr", self.end_lr, current)
        return np.stack([self._ramp(a, b) for a, b in zip(starts, ends, strict=True)], axis=1)

    @cached_property
    def _bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return _rates("start_lr", self.start_lr), _rates("end_lr", self.end_lr)

    def _ramp(self, start: float, end: float) -> NDArray[np.float64]:
        if start == end:  # a short run at one rate, or a group that is held at 0
            return np.full(self.num_it, start)
        climb = np.linspace if self.shape == "linear" else np.geomspace
        return np.append(climb(start, end, self.num_it - self.hold), np.full(self.hold, end))


def is_by_group(bound: Bound | None) -> bool:
    """Whether a bound tells the parameter groups apart."""
    return isinstance(bound, slice) or np.ndim(bound) > 0  # pyright: ignore[reportArgumentType]


def _rates(name: str, bound: Bound) -> NDArray[np.float64]:
    """The rates that a bound names, before the number of groups is known."""
    if isinstance(bound, slice):
        if bound.stop is None or bound.step is not None:
            raise ValueError(f"{name} must be slice(end) or slice(start, end), got {bound}")
        if bound.start is not None:
            _rates(name, bound.start)
        return _rates(name, bound.stop)
    try:
        if np.asarray(bound).dtype.kind in "USb":  # numpy would take a text, or True, for a number
            raise TypeError
        rates = np.atleast_1d(np.asarray(bound, dtype=np.float64))
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, one number per parameter group or a slice, got {bound!r}") from None
    if rates.ndim != 1 or rates.size == 0:
        raise ValueError(f"{name} must be a number or one number per parameter group, got {bound!r}")
    if not (np.isfinite(rates).all() and (rates >= 0).all() and (rates > 0).any()):
        raise ValueError(f"{name} must be finite and greater than 0, got {bound}")
    return rates


def _check_same_length(starts: NDArray[np.float64], ends: NDArray[np.float64]) -> None:
    if len(starts) > 1 and len(ends) > 1 and len(starts) != len(ends):
        raise ValueError(f"start_lr and end_lr must have the same number of rates, got {len(starts)} and {len(ends)}")


def _spread(name: str, bound: Bound, current: Sequence[float]) -> NDArray[np.float64]:
    """One rate per group."""
    groups = len(current)
    if isinstance(bound, slice):
        if bound.start is None:
            return np.array([bound.stop / 10] * (groups - 1) + [bound.stop], dtype=np.float64)
        return np.geomspace(bound.start, bound.stop, groups) if groups > 1 else np.array([bound.stop], dtype=float)
    rates = _rates(name, bound)
    if np.ndim(bound) == 0:  # pyright: ignore[reportArgumentType]
        return rates[0] * group_ratios(current)
    if len(rates) != groups:
        raise ValueError(f"{name} must have one rate per parameter group ({groups}), got {len(rates)}")
    return rates


def group_ratios(current: Sequence[float]) -> NDArray[np.float64]:
    """Each group's rate over the largest, shape `(groups,)`; all ones where every rate is 0."""
    rates = np.asarray(current, dtype=np.float64)
    largest = rates.max()
    return rates / largest if largest > 0 else np.ones_like(rates)
