"""The trackers that a Trainer's callbacks report to, as trackers that a result is written to."""

from typing import Any

from transformers import Trainer

HOLDS = {
    "TensorBoardCallback": "tb_writer",
    "WandbCallback": "_wandb",
    "MLflowCallback": "_ml_flow",
    "TrackioCallback": "_trackio",
    "AimCallback": "_run",
}
"""Where a reporting callback keeps its writer, module or run; Aim's comes with Aim."""


def trackers(trainer: Trainer) -> list[Any]:
    """The trackers that the Trainer has set up, which it does when it begins to train.

    Raises:
        ValueError: It has set up none.
    """
    found = [_tracker(callback) for callback in trainer.callback_handler.callbacks]
    found = [tracker for tracker in found if tracker is not None]
    if not found:
        raise ValueError(
            "the Trainer must have set up a tracker, which it does in train() for those of args.report_to, and has "
            'none: LRFinderCallback(log=True) with TrainingArguments(report_to="tensorboard")'
        )
    return found


def _tracker(callback: Any) -> Any:
    """What a callback reports to; None where it reports to nothing, or not yet."""
    kinds = [kind.__name__ for kind in type(callback).__mro__]
    tracker = next((getattr(callback, HOLDS[kind], None) for kind in kinds if kind in HOLDS), None)
    if tracker is None or not getattr(callback, "_initialized", True):
        return None
    return tracker.run if "WandbCallback" in kinds else tracker
