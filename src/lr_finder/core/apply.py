"""Sets a rate in what was searched: in optimizers here, in all else through the integration for it."""

import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from lr_finder.curve.parameter_groups import groups_of, lrs_of, set_rate, set_rates
from lr_finder.kinds import kind_of


def apply(target: Any, lrs: Sequence[float], *, by_group: bool = False) -> list[tuple[float, float]]:
    """Sets the rates of a target; the old and the new ones.

    Args:
        target: One optimizer or several, as a list or by name, or what was searched.
        lrs: That of each parameter group that was searched for. In all but optimizers the largest one is set, and the
            groups keep their ratios.
        by_group: Whether the groups were searched for, so that their rates are lost in all but optimizers.

    Raises:
        TypeError: There is no rate in the target; the text says what takes its place.
        ValueError: The groups have rates of their own, and are not as many as those of the target.
    """
    things = list(target.values()) if isinstance(target, Mapping) else target
    things = list(things) if isinstance(things, (list, tuple)) else [things]
    if things and all(hasattr(thing, "param_groups") for thing in things):
        return _apply_to_groups(groups_of(things), lrs)
    kind = kind_of(things[0]) if things else None
    set_in = getattr(import_module(kind.module), "apply", None) if kind else None
    if set_in is None:
        raise TypeError(
            "apply() takes an optimizer with param_groups, several of them, or the trainer, module, net, learner or "
            f"model that was searched, got {type(target).__name__}; where a function makes the optimizer, as in JAX, "
            "call it with the rate: make_optimizer(float(result.suggestion))"
        )
    if by_group:
        raise TypeError(
            f"the rates of the parameter groups go into optimizers, got {type(target).__name__}: "
            "result.apply(optimizer), or result.apply([first, second])"
        )
    changes = set_in(target, max(lrs))
    return list(changes.values()) if isinstance(changes, Mapping) else changes  # some name the places


def _apply_to_groups(groups: list[dict[str, Any]], lrs: Sequence[float]) -> list[tuple[float, float]]:
    if len(groups) == len(lrs):
        # A group that stood still has no rate of its own: it keeps the one it has.
        changes = set_rates(groups, [lr or current for lr, current in zip(lrs, lrs_of(groups), strict=True)])
    elif len(set(lrs)) == 1:
        changes = set_rate(groups, lrs[0])
    else:
        raise ValueError(
            f"optimizer must have the {len(lrs)} parameter groups that were searched for, got {len(groups)}; where "
            "they are those of several optimizers: result.apply([first, second])"
        )
    if any("initial_lr" in group for group in groups):
        warnings.warn(
            "A learning-rate scheduler was attached to this optimizer and will overwrite the rate at its next step; "
            "create the scheduler after apply().",
            stacklevel=4,
        )
    return changes
