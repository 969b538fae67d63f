"""Giving a rate to a LightningModule, or to a Trainer with all that it has set up."""

from collections.abc import Sequence
from typing import Any

import torch

from lr_finder.integrations.lightning_trainer.rate_attribute import Place, places
from lr_finder.integrations.torch.scheduled_rates import set_rate

Changes = dict[str, tuple[Any, float]]
"""From where a rate is to what it was and is; a module may have held None."""


def apply(trainer_or_module: Any, lr: float, attribute: str | None = None) -> Changes:
    """Gives a rate to the next fit.

    A module gets it where `configure_optimizers` takes it from. A trainer that has fitted a module gets it in that
    module and in the optimizers and schedulers that there are: those of LightningCLI live on from fit to fit.

    Args:
        trainer_or_module: A Trainer or a LightningModule, also compiled; it is modified.
        lr: The rate.
        attribute: Where the module keeps its rate; `lr` and `learning_rate` where left out, in the module and in its
            `hparams`.

    Returns:
        The old and the new rate of each place.

    Raises:
        ValueError: There is nothing that holds a rate.
    """
    is_trainer = hasattr(trainer_or_module, "lr_scheduler_configs")
    module = trainer_or_module.lightning_module if is_trainer else trainer_or_module
    if module is None:
        raise ValueError("the trainer must have fitted a module, got a new one; give the module itself")
    changes = set_attributes(places(uncompiled(module), attribute), lr)
    if is_trainer and trainer_or_module.optimizers:
        changes |= set_in_optimizers(trainer_or_module, lr)
    if not changes:
        raise ValueError(
            f"{type(module).__name__} must keep its rate in lr or learning_rate, and has neither; name the attribute, "
            "or use the LRFinderCallback, which sets the rate in the optimizers"
        )
    return changes


def set_attributes(places: Sequence[Place], lr: float) -> Changes:
    """Sets a rate in the places where a module keeps it; the old and the new one of each."""
    changes: Changes = {}
    for place in places:
        old = place.get()
        changes[place.path] = (float(old) if isinstance(old, torch.Tensor) else old, lr)
        place.set(lr)
    return changes


def set_in_optimizers(trainer: Any, lr: float) -> Changes:
    """Sets a rate in the optimizers and schedulers of a trainer; the old and the new one of each parameter group."""
    return {**set_rate(trainer.optimizers, [config.scheduler for config in trainer.lr_scheduler_configs], lr)}


def uncompiled(module: Any) -> Any:
    """The module itself, of what `torch.compile` makes of it."""
    return getattr(module, "_orig_mod", module)
