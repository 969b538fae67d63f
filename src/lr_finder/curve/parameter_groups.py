"""Getting and setting the rates of an optimizer's parameter groups, for anything built like torch's."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lr_finder.curve.sweep import group_ratios

Groups = Sequence[dict[str, Any]]


def groups_of(optimizers: Iterable[Any]) -> list[dict[str, Any]]:
    """The parameter groups of all of them, as they are now: `load_state_dict` puts others in their place."""
    return [group for optimizer in optimizers for group in optimizer.param_groups]


def lrs_of(groups: Groups) -> list[float]:
    """The rate of each group."""
    return [_rate(group, group.get("lr")) for group in groups]


def base_lrs(groups: Groups) -> list[float]:
    """The rate of each group before a scheduler scales it: a warm-up holds every group at 0 at its first step."""
    return [_rate(group, group.get("initial_lr", group.get("lr"))) for group in groups]


def _rate(group: dict[str, Any], lr: Any) -> float:
    """The rate of a group as a number.

    Raises:
        ValueError: The optimizer goes by no rate, or by one of its own.
        TypeError: The rate is no number.
    """
    if group.get("relative_step"):
        raise ValueError(
            "the optimizer computes its own rate (relative_step=True), so there is none to find; for one that can be "
            "found: Adafactor(model.parameters(), lr=1e-3, scale_parameter=False, relative_step=False, "
            "warmup_init=False)"
        )
    if lr is None:
        raise ValueError(
            "the optimizer goes by a rate of its own, so there is none to find: its param_groups have no lr, or None; "
            "where it takes a rate, make it with one: lr=1e-3"
        )
    try:
        return float(lr)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"lr must be one number in each of the optimizer's param_groups, got {lr!r}") from error


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


def write_lrs(groups: Groups, lrs: Iterable[float], name: str = "lr") -> None:
    """Sets the rate of each group. A tensor is filled, not replaced: a compiled or captured step reads that tensor."""
    for group, lr in zip(groups, lrs, strict=True):
        if hasattr(group[name], "fill_"):
            group[name].fill_(float(lr))
        else:
            group[name] = float(lr)


def set_rate(groups: Groups, lr: float) -> list[tuple[float, float]]:
    """Sets the largest rate to `lr`; the groups keep their ratios. See `set_rates`."""
    return set_rates(groups, (lr * group_ratios(base_lrs(groups))).tolist())


def set_rates(groups: Groups, lrs: Sequence[float]) -> list[tuple[float, float]]:
    """Sets each group's rate, and what a scheduler takes for it.

    Returns:
        The old and the new rate of each group.

    Raises:
        RuntimeError: An optimizer did not keep a rate.
    """
    old = lrs_of(groups)
    write_lrs(groups, lrs)
    for group, lr in zip(groups, lrs, strict=True):
        if "initial_lr" in group:
            write_lrs([group], [lr], "initial_lr")
    new = lrs_of(groups)
    for read, lr in zip(new, lrs, strict=True):
        check_rate(read, lr)
    return list(zip(old, new, strict=True))


def check_rate(read: float, lr: float) -> None:
    """Raises where the rate that is read differs from the one that was set; a low-precision tensor may round."""
    if not np.isclose(read, lr, rtol=5e-3, atol=0):  # bfloat16 has eight bits
        raise RuntimeError(f"the optimizer's rate was set to {lr:.3g} but reads {read:.3g}")


def scaled_to(rate: Any, lr: float) -> Any:
    """A rate, the rates of several groups or a slice over them, with `lr` as the largest and the same ratios."""
    if isinstance(rate, slice):
        return slice(rate.start if rate.start is None else rate.start * lr / rate.stop, lr)
    return float(lr) if np.ndim(rate) == 0 else lr * group_ratios(rate)
