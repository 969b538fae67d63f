"""What the schedule of a Keras optimizer tells of the training to come."""

from typing import Any

import keras

from lr_finder.curve.horizon import SMALL_SHARE, Horizon


def horizon_of(optimizer: Any) -> Horizon | None:
    """How long the schedule of an optimizer is and how it runs; None where it has none, or another."""
    schedule = optimizer._learning_rate
    if isinstance(schedule, keras.optimizers.schedules.CosineDecay) and schedule.alpha <= SMALL_SHARE:
        return Horizon("cosine", int(schedule.decay_steps + schedule.warmup_steps))
    if isinstance(schedule, keras.optimizers.schedules.PolynomialDecay) and schedule.power == 1:
        falls = schedule.end_learning_rate <= SMALL_SHARE * schedule.initial_learning_rate
        return Horizon("linear", int(schedule.decay_steps)) if falls and not schedule.cycle else None
    return None
