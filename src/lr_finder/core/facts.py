"""How a result was made, in names and words: what a reader needs to search again."""

from collections.abc import Mapping
from typing import Any

from lr_finder.core.record import Record
from lr_finder.curve.curve import Curve
from lr_finder.curve.training import Training

MOST_GROUPS = 4


def facts(curve: Curve, steps_taken: int, record: Record | None) -> dict[str, str]:
    """What is known of it, in the order in which it is read."""
    said = {"Steps": f"{steps_taken} in all, {len(curve)} of them in the curve"}
    if len(curve):
        said["Range"] = f"{curve.lrs[0]:.3g} to {curve.lrs[-1]:.3g}: {curve.stop_reason.value}"
    if curve.training is not None:
        said |= _of_training(curve.training)
    if record is not None:
        said["Options"] = _listed(record.options)
        said["Date"] = record.date.replace("T", " ").replace("+00:00", " UTC")
        said["Versions"] = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    return said


def _of_training(training: Training) -> dict[str, str]:
    said = {}
    if training.optimizer is not None:
        said["Optimizer"] = training.optimizer
    for number, group in enumerate(training.groups[:MOST_GROUPS], start=1):
        several = f" of group {number}" if len(training.groups) > 1 else ""
        said[f"Settings{several} before"] = _listed(group)
    if len(training.groups) > MOST_GROUPS:
        said["Further groups"] = str(len(training.groups) - MOST_GROUPS)
    if training.batch_size is not None:
        said["Batch size"] = str(training.batch_size)
    if training.seed is not None:
        said["Seed"] = str(training.seed)
    return said


def _listed(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_written(value)}" for name, value in settings.items())


def _written(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
