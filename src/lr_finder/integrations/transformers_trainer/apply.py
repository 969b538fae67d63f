"""A rate that was found, set in a Trainer: in its arguments, its optimizer and its scheduler."""

from collections.abc import Iterator
from typing import Any

from transformers import Trainer

from lr_finder.curve.parameter_groups import Groups, base_lrs, check_rate, write_lrs

RATES_OF_A_GROUP = ("lr", "initial_lr", "max_lr", "min_lr")
"""What a scheduler keeps in a parameter group; the last two are those of a one-cycle schedule."""
RATES_OF_A_SCHEDULER = ("base_lrs", "_last_lr")


def apply(trainer: Trainer, lr: float) -> list[tuple[float, float]]:
    """Makes a Trainer train with `lr`: parameter groups keep their ratios, and schedulers their course.

    Args:
        trainer: Its `args.learning_rate` is set; where it has an optimizer and a scheduler already, all that these hold
            is multiplied by the same factor, as if they had been made with the rate. It may be training.
        lr: The rate.

    Returns:
        The old and the new rate, of each parameter group where there is an optimizer.

    Raises:
        ValueError: The optimizer's rates are 0, and so no factor leads to the rate.
    """
    old, trainer.args.learning_rate = trainer.args.learning_rate, lr
    optimizer: Any = trainer.optimizer
    if optimizer is None:
        return [(old, lr)]
    groups = optimizer.param_groups
    old_lrs = _peaks(groups)
    if not max(old_lrs) > 0:
        raise ValueError(f"the optimizer of the trainer must have a rate above 0 to be scaled, got {max(old_lrs)}")
    factor = lr / max(old_lrs)
    for name in RATES_OF_A_GROUP:
        holders = [group for group in groups if name in group]
        write_lrs(holders, [float(group[name]) * factor for group in holders], name)
    for scheduler in _schedulers_in(trainer.lr_scheduler):
        for name in RATES_OF_A_SCHEDULER:
            if hasattr(scheduler, name):
                setattr(scheduler, name, [float(rate) * factor for rate in getattr(scheduler, name)])
    new_lrs = _peaks(groups)
    check_rate(max(new_lrs), lr)
    return list(zip(old_lrs, new_lrs, strict=True))


def _peaks(groups: Groups) -> list[float]:
    """The rate of each group before a schedule scales it; of a one-cycle schedule its maximum."""
    return [float(group.get("max_lr", base_lr)) for group, base_lr in zip(groups, base_lrs(groups), strict=True)]


def _schedulers_in(scheduler: Any) -> Iterator[Any]:
    """A scheduler, those that Accelerate or a sequence of schedulers holds, and so on."""
    if scheduler is not None:
        yield scheduler
        for inside in (getattr(scheduler, "scheduler", None), *getattr(scheduler, "_schedulers", ())):
            yield from _schedulers_in(inside)
