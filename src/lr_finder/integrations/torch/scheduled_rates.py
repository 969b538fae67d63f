"""Setting the rate of optimizers together with the schedulers on them, which keep the rates that they start from."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from lr_finder.curve.parameter_groups import groups_of

FIRST_RATES = ("max_lr", "initial_lr", "lr")
"""Where a parameter group has the rate that a scheduler scales; the first that there is."""
SCALED_RATES = ("lr", "initial_lr", "max_lr")
LIST_NAMES = ("base_lrs", "max_lrs", "_last_lr", "base_values")
"""Where schedulers keep the rates of the groups; the last name is timm's. Floors such as `eta_min` are not scaled."""


def set_rate(
    optimizers: Sequence[torch.optim.Optimizer], schedulers: Sequence[Any], lr: float
) -> dict[str, tuple[float, float]]:
    """Sets the largest rate to `lr`, and all others so that each keeps its ratio to it.

    A rate is the one that a scheduler starts from, or rises to: afterwards a scheduler goes on as one that was built on
    optimizers with the new rate, from wherever it is.

    Args:
        optimizers: All those of a training; they are modified.
        schedulers: All those on them; they are modified.
        lr: The rate of the parameter group with the largest one.

    Returns:
        The old and the new rate of each parameter group, by where it is.

    Raises:
        ValueError: A scheduler keeps its rates where that is not known; nothing was changed.
    """
    schedulers = [inner for scheduler in schedulers for inner in _with_inner(scheduler)]
    for scheduler in schedulers:
        _check_known(scheduler)
    groups = {
        f"optimizers[{i}].param_groups[{j}]": group
        for i, optimizer in enumerate(optimizers)
        for j, group in enumerate(optimizer.param_groups)
    }
    old = {name: _rate(group) for name, group in groups.items()}
    largest = largest_rate(optimizers, schedulers)
    if not largest > 0:
        raise ValueError("the optimizers must have a rate above 0, whose ratios the parameter groups keep, got 0")

    def scaled(rate: Any) -> Any:
        return lr * (rate / largest)

    for group in groups.values():
        # One-cycle keeps the rate of its last step in the groups; elsewhere a lower bound is the user's own.
        for name in (*SCALED_RATES, "min_lr") if "max_lr" in group else SCALED_RATES:
            if name in group:
                _write(group, name, scaled(group[name]))
    for scheduler in schedulers:
        for name in LIST_NAMES:
            if name in vars(scheduler):
                setattr(scheduler, name, [scaled(rate) for rate in getattr(scheduler, name)])
    return {name: (old[name], _rate(group)) for name, group in groups.items()}


def largest_rate(optimizers: Sequence[torch.optim.Optimizer], schedulers: Sequence[Any]) -> float:
    """The largest rate of the parameter groups, where schedulers start from it or rise to it."""
    rates = [_rate(group) for group in groups_of(optimizers)]
    cycled = [rate for scheduler in schedulers for inner in _with_inner(scheduler) for rate in _list(inner, "max_lrs")]
    return max(float(rate) for rate in (*rates, *cycled))


def _rate(group: dict[str, Any]) -> float:
    return float(next(group[name] for name in FIRST_RATES if name in group))


def _write(group: dict[str, Any], name: str, rate: Any) -> None:
    """A tensor is filled, not replaced: a compiled or captured step reads that tensor."""
    if isinstance(group[name], torch.Tensor):
        group[name].fill_(float(rate))
    else:
        group[name] = float(rate)


def _with_inner(scheduler: Any) -> Iterator[Any]:
    """A scheduler and those that it chains."""
    yield scheduler
    for inner in getattr(scheduler, "_schedulers", ()):
        yield from _with_inner(inner)


def _list(scheduler: Any, name: str) -> Sequence[Any]:
    return getattr(scheduler, name, None) or ()


def _check_known(scheduler: Any) -> None:
    known = (torch.optim.lr_scheduler.LRScheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
    if not isinstance(scheduler, known) and not any(hasattr(scheduler, name) for name in LIST_NAMES):
        raise ValueError(
            f"the scheduler must be one of torch.optim.lr_scheduler or built on them, got {type(scheduler).__name__}, "
            "which keeps its rates where that is not known; build it on the new rate"
        )
