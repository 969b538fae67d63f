"""What weight decay does at a rate: over how many steps it forgets."""

from lr_finder.curve.training import Training, number_in

COUPLED = ("Adam", "NAdam", "RAdam", "Adamax", "RMSprop", "Adagrad", "Adadelta", "Rprop")
"""Optimizers of torch that add the decay to the gradient before they scale that: no such time follows from it."""

SHORT_SHARE = 0.05
"""A time below this share of the training is short (by hand)."""


def averaging_steps(training: Training | None, lr: float) -> float | None:
    """The steps over which weights are averages of their updates, 1 / (rate x decay) (Wang and Aitchison 2024).

    Updates that lie longer back have faded. With momentum m, SGD moves by rate / (1 - m). None where nothing decays, or
    not by itself.
    """
    if training is None or training.optimizer in COUPLED:
        return None
    rates_times_decays = []
    for group in training.groups:
        rate, decay, momentum = (number_in(group, name) for name in ("lr", "weight_decay", "momentum"))
        rates_times_decays.append(rate * decay / (1 - momentum if training.is_adaptive is False else 1))
    largest_rate = max((number_in(group, "lr") for group in training.groups), default=0.0)
    if not largest_rate or not max(rates_times_decays):
        return None
    return largest_rate / (lr * max(rates_times_decays))


def in_words(training: Training | None, lr: float, total_steps: int | None) -> str:
    """What the decay means at this rate for a training of so many steps, in a sentence; empty where nothing decays."""
    steps = averaging_steps(training, lr)
    if steps is None:
        return ""
    said = f"At this rate the weight decay forgets over {float(f'{steps:.2g}'):,.0f} steps, 1 / (rate x decay)"
    if total_steps is None:
        return f"{said}: it hardly matters in a training that is much shorter."
    if steps > total_steps:
        return f"{said}, longer than the training: it hardly matters."
    if steps < SHORT_SHARE * total_steps:
        return f"{said}, a small part of the training: the weights will know little of what came before."
    return f"{said}, a good part of the training, as is usual."
