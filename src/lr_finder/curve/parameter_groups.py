"""Getting and setting the rates of an optimizer's parameter groups, for anything built like torch's."""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lr_finder.curve.sweep import group_ratios

Groups = Sequence[dict[str, Any]]


def lrs_of(groups: Groups) -> list[float]:
    """The rate of each group."""
    return [float(group["lr"]) for group in groups]


def base_lrs(groups: Groups) -> list[float]:
    """The rate of each group before a scheduler scales it: a warm-up holds every group at 0 at its first step."""
    return [float(group.get("initial_lr", group["lr"])) for group in groups]


def momentum_of(group: dict[str, Any]) -> float | None:
    """The momentum of a group: the first of its `betas`, or `momentum`; None for an optimizer that has neither."""
    try:
        return float(group["betas"][0] if "betas" in group else group["momentum"])
    except (KeyError, IndexError, TypeError, ValueError):  # none, or of a kind of its own
        return None


def largest_momentum(groups: Groups) -> float | None:
    """The largest momentum of the groups; None where that is not known, or is no share."""
    values = [momentum_of(group) for group in groups]
    known = [value for value in values if value is not None and 0 <= value < 1]
    return max(known) if known and len(known) == len(values) else None


def write_lrs(groups: Groups, lrs: Iterable[float]) -> None:
    """Sets the rate of each group. A tensor is filled, not replaced: a compiled or captured step reads that tensor."""
    for group, lr in zip(groups, lrs, strict=True):
        if hasattr(group["lr"], "fill_"):
            group["lr"].fill_(float(lr))
        else:
            group["lr"] = float(lr)


def apply(optimizer: Any, lr: float) -> list[tuple[float, float]]:
    """Sets the largest rate to `lr`, keeps the groups' ratios, checks what was set; the old and new rates."""
    if not hasattr(optimizer, "param_groups"):
        raise TypeError(f"optimizer must have param_groups, got {type(optimizer).__name__}")
    groups = optimizer.param_groups
    old = lrs_of(groups)
    write_lrs(groups, lr * group_ratios(base_lrs(groups)))
    new = lrs_of(groups)
    if not np.isclose(max(new), lr, rtol=1e-3):  # a low-precision tensor may round
        raise RuntimeError(f"the optimizer's rate was set to {lr:.3g} but reads {max(new):.3g}")
    if any("initial_lr" in group for group in groups):
        warnings.warn(
            "A learning-rate scheduler was attached to this optimizer and will overwrite the rate at its next step; "
            "create the scheduler after apply().",
            stacklevel=3,
        )
    return list(zip(old, new, strict=True))
