"""The loggers of a trainer, as trackers that a result is written to."""

from collections.abc import Mapping
from typing import Any


def trackers(trainer_or_logger: Any) -> list[Any]:
    """What stands behind the loggers of a Trainer, or behind one logger: a writer, a run.

    Raises:
        ValueError: The Trainer has no logger.
    """
    loggers = getattr(trainer_or_logger, "loggers", [trainer_or_logger])
    if not loggers:
        raise ValueError("the trainer must have a logger, got none: Trainer(logger=TensorBoardLogger('logs'))")
    return [_tracker(logger) for logger in loggers]


def _tracker(logger: Any) -> Any:
    tracker = logger.experiment
    package = type(tracker).__module__.split(".")[0]
    if package == "mlflow":
        return MLflowRun(tracker, logger.run_id)
    # What keeps numbers alone, as the CSVLogger does, and what is not the first process's, take them from the logger.
    return logger if package in ("lightning", "pytorch_lightning") else tracker


class MLflowRun:
    """A run of MLflow's client, with the functions that the module `mlflow` has for its active run."""

    def __init__(self, client: Any, run_id: str):
        self._client = client
        self._run_id = run_id

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Numbers of one step."""
        for name, value in metrics.items():
            self._client.log_metric(self._run_id, name, value, step=step)

    def log_text(self, text: str, file: str) -> None:
        """A text, as an artifact."""
        self._client.log_text(self._run_id, text, file)

    def log_figure(self, figure: Any, file: str) -> None:
        """A picture, as an artifact."""
        self._client.log_figure(self._run_id, figure, file)
