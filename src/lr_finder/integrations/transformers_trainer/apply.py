"""A rate that was found, set in a Trainer: in its arguments, its optimizer and its scheduler."""

from typing import Any

from transformers import Trainer

from lr_finder.integrations.torch.scheduled_rates import set_rate


def apply(trainer: Trainer, lr: float) -> list[tuple[float, float]]:
    """Makes a Trainer train with `lr`: parameter groups keep their ratios, and schedulers their course.

    Args:
        trainer: Its `args.learning_rate` is set, and the rate in its optimizer and scheduler where there are such
            already. It may be training.
        lr: The rate.

    Returns:
        The old and the new rate, of each parameter group where there is an optimizer.

    Raises:
        ValueError: The optimizer's rates are 0, or the scheduler is of a kind that is not known.
    """
    optimizer: Any = trainer.optimizer
    changes = [(trainer.args.learning_rate, lr)]
    if optimizer is not None:
        schedulers = [] if trainer.lr_scheduler is None else [trainer.lr_scheduler]
        changes = list(set_rate([optimizer], schedulers, lr).values())
    trainer.args.learning_rate = lr
    return changes
