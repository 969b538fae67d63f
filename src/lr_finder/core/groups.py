"""Parameter groups whose rates have nothing to do with each other: each is searched for alone, then all together.

What counts is the ratio of the rates that each can bear alone. All together bear less: the search for the rate of all,
in this ratio, is still to be made.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from lr_finder.core.ramp import Validate, ValidatingRamp
from lr_finder.core.result import RangeTestResult
from lr_finder.curve.curve import Curve
from lr_finder.curve.sweep import DEFAULT_START_LR, Sweep

Rates = NDArray[np.float64]
"""Shape `(groups,)`."""


class Find(Protocol):
    """Searches with a ramp; `to_come` such searches are known to follow."""

    def __call__(self, ramp: ValidatingRamp, to_come: int = 0) -> RangeTestResult:
        """What was found."""
        ...


def find_group_ratios(ramp: ValidatingRamp, find: Find) -> tuple[ValidatingRamp, tuple[str, ...]]:
    """Searches for the rate of each part of the parameter groups, with all others at 0, where none depends on another.

    A part that moves nothing alone, as one matrix of a product whose other one is 0, is searched for again with the
    others at their rates. What tells nothing then either keeps its ratio to them.

    Args:
        ramp: Trains through a sweep.
        find: Searches for the rate of what climbs in a ramp.

    Returns:
        The ramp in which all climb in the ratio that was found, and sentences for the user.

    Raises:
        ValueError: All groups are one part.
    """
    look = ramp(Sweep.at(DEFAULT_START_LR, 1))
    usual = look.group_lrs[0] / look.lrs[0]
    parts = _parts(usual, look.optimizers)
    if len(parts) < 2:
        raise ValueError(
            "by_group=True needs parameter groups that differ in their rates, or several optimizers, got one rate for "
            'all: AdamW([{"params": backbone, "lr": 1e-4}, {"params": head, "lr": 1e-3}]), for example'
        )
    rates = np.zeros_like(usual)
    for others_move in (False, True):
        held = rates.copy()
        missing = [part for part in parts if rates[part[0]] == 0]
        if len(missing) == len(parts) and others_move:
            return ramp, ("No parameter group alone told a rate, so that all keep their ratios.",)
        for number, part in enumerate(missing):
            alone = find(_with_rates(ramp, _climbing(part, held)), to_come=len(missing) - number)
            rates[part] = alone.measured_suggestion.lr if alone.has_suggestion else 0
    told = rates > 0
    found = "Each parameter group's rate was searched for alone, and then one factor for all."
    if told.sum() < (usual > 0).sum():
        found += " Those that told none keep their ratios to the others."
        factor = np.exp(np.mean(np.log(rates[told] / usual[told])))
        rates = np.where(told, rates, factor * usual)
    ratios = rates / rates.max()
    return _with_rates(ramp, lambda lr: lr * ratios), (found,)


def _parts(usual: Rates, optimizers: Sequence[str]) -> list[list[int]]:
    """The groups that share a rate: those of one optimizer that were given the same. One of 0 has no part in it."""
    parts: dict[tuple[str, float], list[int]] = {}
    for group, lr in enumerate(usual.tolist()):
        if lr > 0:
            parts.setdefault((optimizers[group] if optimizers else "", lr), []).append(group)
    return list(parts.values())


def _climbing(part: list[int], held: Rates) -> Callable[[float], Rates]:
    """The rates where one part has the rate given, and the others are held."""

    def rates(lr: float) -> Rates:
        every = held.copy()
        every[part] = lr
        return every

    return rates


def _with_rates(ramp: ValidatingRamp, rates: Callable[[float], Rates]) -> ValidatingRamp:
    """The ramp in which each group has the rate that goes with the one of the sweep."""

    def ramp_by_group(sweep: Sweep, validate: Validate | None = None, /) -> Curve:
        start, end = (rates(cast(float, bound)).tolist() for bound in (sweep.start_lr, sweep.end_lr))
        return ramp(replace(sweep, start_lr=start, end_lr=end), validate)

    return ramp_by_group
