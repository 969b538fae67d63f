"""Which schedule a torch scheduler follows, for the rate that is to be its peak."""

from typing import Any

from torch.optim import lr_scheduler

from lr_finder.curve.horizon import SMALL_SHARE, ScheduleKind

BY_FUNCTION: dict[str, ScheduleKind] = {
    "wsd": "wsd", "inverse_sqrt": "inverse_sqrt", "cosine": "cosine", "linear": "linear", "constant": "constant",
}  # fmt: skip
"""What the functions of Hugging Face's schedulers have in their names."""


def schedule_of(scheduler: Any) -> ScheduleKind | None:
    """The schedule of a scheduler, warm-up or none; None where it is another, or not known."""
    while isinstance(scheduler, (lr_scheduler.SequentialLR, lr_scheduler.ChainedScheduler)):
        scheduler = scheduler._schedulers[-1]  # the first ones warm up
    if isinstance(scheduler, lr_scheduler.OneCycleLR):
        return "one_cycle"
    if isinstance(scheduler, lr_scheduler.CosineAnnealingLR):
        return "cosine" if scheduler.eta_min <= SMALL_SHARE * max(scheduler.base_lrs) else None
    if isinstance(scheduler, lr_scheduler.LinearLR):
        return "linear" if scheduler.end_factor <= SMALL_SHARE * scheduler.start_factor else None
    if isinstance(scheduler, lr_scheduler.PolynomialLR):
        return "linear" if scheduler.power == 1 else None
    if isinstance(scheduler, lr_scheduler.LambdaLR):
        return _by_function(scheduler.lr_lambdas[0])
    return None


def _by_function(function: Any) -> ScheduleKind | None:
    name = getattr(getattr(function, "func", function), "__name__", "")  # a partial has the function inside
    return next((kind for part, kind in BY_FUNCTION.items() if part in name), None)
