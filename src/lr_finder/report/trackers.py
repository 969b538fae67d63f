"""A search in an experiment tracker: the losses as a series, the suggestion as numbers, the picture.

A tracker is known by the package that defines it, so none is imported to find out which it is.
"""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from lr_finder.report.plot import new_figure
from lr_finder.report.view import View

CURVE = "lr_finder/curve"


def log_to(writer: Any, shown: View, explanation: str) -> None:
    """Writes a search into a tracker: see `RangeTestResult.log_to`."""
    module = writer.__name__ if isinstance(writer, ModuleType) else type(writer).__module__
    by_name = (TRACKERS[part] for part in module.split(".") if part in TRACKERS)
    write = next(by_name, _to_any if hasattr(writer, "log_metrics") else None)
    if write is None:
        raise TypeError(
            "writer must be a TensorBoard SummaryWriter, a run of Weights & Biases, Trackio or Aim, or the module "
            f"mlflow, got {type(writer).__name__}"
        )
    write(writer, shown, explanation)


def _to_tensorboard(writer: Any, shown: View, explanation: str) -> None:
    for step, values in _series(shown):
        for name, value in values.items():
            writer.add_scalar(name, value, step)
    for name, value in _summary(shown).items():
        writer.add_scalar(name, value)
    writer.add_text("lr_finder/explanation", explanation)
    writer.add_figure(CURVE, new_figure(shown))


def _to_wandb(run: Any, shown: View, explanation: str) -> None:
    import matplotlib.pyplot  # noqa: F401  which wandb.Image looks for
    import wandb  # pyright: ignore[reportMissingImports]

    # Against its own steps, whatever the run has logged before.
    run.define_metric("lr_finder/step", hidden=True)
    run.define_metric("lr_finder/*", step_metric="lr_finder/step")
    for step, values in _series(shown):
        run.log({"lr_finder/step": step, **values})
    run.log({CURVE: wandb.Image(new_figure(shown))})
    run.summary.update({**_summary(shown), "lr_finder/explanation": explanation})


def _to_mlflow(mlflow: Any, shown: View, explanation: str) -> None:
    for step, values in _series(shown):
        mlflow.log_metrics(values, step=step)
    mlflow.log_metrics(_summary(shown))
    mlflow.log_text(explanation, "lr_finder/explanation.txt")
    mlflow.log_figure(new_figure(shown), f"{CURVE}.png")


def _to_trackio(run: Any, shown: View, explanation: str) -> None:
    import trackio  # pyright: ignore[reportMissingImports]
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    for step, values in _series(shown):
        run.log(values, step=step)
    picture = FigureCanvasAgg(new_figure(shown))
    picture.draw()
    run.log({CURVE: trackio.Image(np.asarray(picture.buffer_rgba()))})
    run.log({**_summary(shown), "lr_finder/explanation": explanation})


def _to_aim(run: Any, shown: View, explanation: str) -> None:
    import aim  # pyright: ignore[reportMissingImports]

    for step, values in _series(shown):
        for name, value in values.items():
            run.track(value, name=name, step=step)
    run.track(aim.Image(new_figure(shown)), name=CURVE)
    for name, value in {**_summary(shown), "lr_finder/explanation": explanation}.items():
        run[name] = value


def _to_any(logger: Any, shown: View, explanation: str) -> None:
    """Into what takes numbers and no more, as a logger of Lightning does."""
    for step, values in _series(shown):
        logger.log_metrics(values, step=step)
    logger.log_metrics(_summary(shown), step=len(shown.steps))


TRACKERS: dict[str, Callable[[Any, View, str], None]] = {
    "tensorboard": _to_tensorboard,
    "tensorboardX": _to_tensorboard,
    "wandb": _to_wandb,
    "mlflow": _to_mlflow,
    "trackio": _to_trackio,
    "aim": _to_aim,
}


def _series(shown: View) -> Iterator[tuple[int, dict[str, float]]]:
    """The loss and the rate of each step."""
    for step, lr, loss in zip(shown.steps.tolist(), shown.lrs.tolist(), shown.losses.tolist(), strict=True):
        yield step, {"lr_finder/loss": loss, "lr_finder/lr": lr}


def _summary(shown: View) -> dict[str, float]:
    """The suggestion and the ends of its interval; nothing where there is none."""
    found = shown.suggestion
    if found is None:
        return {}
    return {"lr_finder/suggested_lr": found.lr, "lr_finder/low": found.low, "lr_finder/high": found.high}
