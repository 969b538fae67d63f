"""Results on disk: versioned JSON for all of a result, CSV for its points; never pickle."""

import csv
import json
import math
from collections.abc import Iterable
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lr_finder.core.record import Record
from lr_finder.curve.curve import Curve
from lr_finder.curve.horizon import AS_MEASURED, Horizon
from lr_finder.curve.probe import Probe
from lr_finder.curve.stopping import StopReason
from lr_finder.curve.suggestion import Suggestion
from lr_finder.curve.training import Training
from lr_finder.curve.warmup import Warmup
from lr_finder.errors import NoSuggestionError, ResultFileError
from lr_finder.files import whole_or_not_at_all

FORMAT = "lr_finder.RangeTestResult"
VERSION = 1
MAX_BYTES = 2**28
"""A larger file is not read; a million steps take about 50 MB, and 24 MB more for each parameter group."""


Found: TypeAlias = tuple[Curve, int, tuple[Probe, ...], bool, Record | None, Horizon, Warmup | None]
"""The fields of a result: the curve, the steps taken, the probes, whether the rate was ignored, the record, the
training to come, the warm-ups."""


def to_dict(found: Found, suggestion: Suggestion | NoSuggestionError) -> dict[str, Any]:
    """A result as JSON has it. The suggestion is for whoever else reads it: `load` reads it from the curve again."""
    curve, steps_taken, probes, ignores_rate, record, horizon, warmup = found
    refused = isinstance(suggestion, NoSuggestionError)
    control = curve.control_losses
    return {
        "format": FORMAT,
        "version": VERSION,
        "suggestion": None if refused else asdict(suggestion),
        "no_suggestion": str(suggestion) if refused else None,
        "stop_reason": curve.stop_reason.name,
        "steps_taken": steps_taken,
        "notes": list(curve.notes),
        "ignores_rate": ignores_rate,
        "momentum": curve.momentum,
        "training": None if curve.training is None else _plain_training(curve.training),
        "record": None if record is None else asdict(record),
        "horizon": asdict(horizon),
        "warmup": None if warmup is None else _plain_warmup(warmup),
        "lrs": curve.lrs.tolist(),
        "losses": _plain_column(curve.losses),
        "group_lrs": curve.group_lrs.tolist(),
        "validation_loss": None if curve.validation_loss is None else _plain(curve.validation_loss),
        "control_losses": None if control is None else _plain_column(control),
        "runs_away": curve.runs_away,
        "probes": [
            {
                "lr": probe.lr,
                "losses": _plain_column(probe.losses),
                "validation_loss": None if probe.validation_loss is None else _plain(probe.validation_loss),
                "fall": _plain(probe.fall),
            }
            for probe in probes
        ],
    }


def save(data: dict[str, Any], path: "str | PathLike[str]") -> None:
    """Writes what `to_dict` gave as `.json` or `.csv`; an existing file is replaced once the new one is complete."""
    path = Path(path)
    writers = {".json": _write_json, ".csv": _write_csv}
    if path.suffix.lower() not in writers:
        raise ValueError(f"path must end in .json or .csv, got {str(path)!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path must lie in a folder that exists, got {str(path)!r}")
    with whole_or_not_at_all(path) as unfinished, unfinished.open("x", encoding="utf-8", newline="") as file:
        writers[path.suffix.lower()](file, data)


def load(path: "str | PathLike[str]") -> Found:
    """What a `.json` file holds that `save` wrote."""
    path = Path(path)
    if path.suffix.lower() == ".csv":
        raise ResultFileError(
            f'{path} holds the points of a result and no more: result.save("lr.json") keeps all of it'
        )
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ResultFileError(f"{path} is larger than {MAX_BYTES} bytes: not a result of lr_finder")
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ResultFileError(f"{path} is not a result of lr_finder: not readable as JSON ({error})") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ResultFileError(f'{path} is not a result of lr_finder: it has no "format": "{FORMAT}"')
    version = data.get("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        raise ResultFileError(
            f"{path} has format version {version!r:.40}, and this lr_finder reads versions up to {VERSION}: a newer "
            "lr_finder wrote it, and can read it"
        )
    try:
        return _parse(data)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ResultFileError(f"{path} is damaged: {type(error).__name__}: {error!s:.200}") from None


def _parse(data: dict[str, Any]) -> Found:
    steps_taken = data["steps_taken"]
    if not isinstance(steps_taken, int) or isinstance(steps_taken, bool) or steps_taken < 0:
        raise ValueError(f"steps_taken must be a whole number of at least 0, got {steps_taken!r}")
    lrs, losses = _column(data["lrs"]), _column(data["losses"])
    group_lrs = np.array([_column(row) for row in data["group_lrs"]])
    training = None if data.get("training") is None else _training(data["training"])
    if not len(lrs):
        group_lrs = np.empty((0, max(len(training.optimizers), 1) if training else 1))
    momentum, control = data.get("momentum"), data.get("control_losses")
    validation_loss = data.get("validation_loss")
    curve = Curve(
        lrs,
        losses,
        group_lrs,
        StopReason[data["stop_reason"]],
        _texts("notes", data["notes"]),
        validation_loss=None if validation_loss is None else _number(validation_loss),
        momentum=None if momentum is None else _number(momentum),
        training=training,
        control_losses=None if control is None else _column(control),
        runs_away=data.get("runs_away", False) is True,
    )
    if not isinstance(data.get("probes", []), list):
        raise ValueError("probes must be a list")
    probes = tuple(_probe(entry, rank) for rank, entry in enumerate(data.get("probes", []), start=1))
    record = None if data.get("record") is None else _record(data["record"])
    horizon = _horizon(data.get("horizon")) or AS_MEASURED
    warmup = None if data.get("warmup") is None else _warmup(data["warmup"])
    return curve, steps_taken, probes, data.get("ignores_rate", False) is True, record, horizon, warmup


def _texts(name: str, values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{name} must be a list of texts")
    return tuple(values)


def _probe(entry: dict[str, Any], rank: int) -> Probe:
    lr, validation_loss = _number(entry["lr"]), entry["validation_loss"]
    if not 0 < lr < math.inf:
        raise ValueError(f"the rate of a probe must be finite and greater than 0, got {lr}")
    losses = _column(entry["losses"])
    fall = _number(entry["fall"])
    if not len(losses) or not fall < math.inf:
        raise ValueError(f"a probe must have losses and a fall below infinity, got {len(losses)} and {fall}")
    return Probe(lr, losses, None if validation_loss is None else _number(validation_loss), fall, rank)


def _plain_warmup(warmup: Warmup) -> dict[str, Any]:
    """With the steps, for whoever else reads it."""
    losses = [_plain_column(row) for row in warmup.losses]
    return {"steps": warmup.steps, "peak": warmup.peak, "tried": list(warmup.tried), "losses": losses}


def _warmup(entry: object) -> Warmup:
    fields = _fields(entry)
    losses = np.array([_column(row) for row in fields["losses"]])
    return Warmup(_number(fields["peak"]), tuple(_count(steps) for steps in fields["tried"]), losses)


def _training(entry: object) -> Training:
    fields = _fields(entry)
    if not isinstance(fields["groups"], list):
        raise ValueError("groups must be a list")
    groups = tuple({name: _setting(value) for name, value in _fields(group).items()} for group in fields["groups"])
    optimizer, batch_size, seed = (fields[name] for name in ("optimizer", "batch_size", "seed"))
    return Training(
        None if optimizer is None else _text(optimizer),
        groups,
        None if batch_size is None else _count(batch_size),
        None if seed is None else _count(seed),
        _horizon(fields.get("horizon")),
        _texts("optimizers", fields.get("optimizers", [])),
    )


def _plain_training(training: Training) -> dict[str, Any]:
    return asdict(training) | {"groups": list(training.groups), "optimizers": list(training.optimizers)}


def _horizon(entry: object) -> Horizon | None:
    return None if entry is None else Horizon(**_fields(entry))


def _record(entry: object) -> Record:
    fields = _fields(entry)
    options = _fields(fields["options"]).items()
    return Record(
        date=_text(fields["date"]),
        versions={name: _text(version) for name, version in _fields(fields["versions"]).items()},
        options={name: value if isinstance(value, (str, bool)) else _setting(value) for name, value in options},
    )


def _write_json(file: IO[str], data: dict[str, Any]) -> None:
    json.dump(data, file, allow_nan=False, indent=1)
    file.write("\n")


def _write_csv(file: IO[str], data: dict[str, Any]) -> None:
    writer = csv.writer(file)
    writer.writerow(["step", "lr", "loss"])
    for step, row in enumerate(zip(data["lrs"], data["losses"], strict=True)):
        writer.writerow([step, *row])


def _plain(loss: float) -> float | str:
    """JSON has no NaN or infinity; they are written as text."""
    return loss if math.isfinite(loss) else str(loss)


def _plain_column(values: NDArray[np.float64]) -> list[float | str]:
    return [_plain(value) for value in values.tolist()]


def _column(values: Iterable[object]) -> NDArray[np.float64]:
    return np.array([_number(value) for value in values], dtype=np.float64)


def _number(value: object) -> float:
    if isinstance(value, bool) or not (isinstance(value, (int, float)) or value in ("nan", "inf", "-inf")):
        raise ValueError(f"expected a number, got {value!r}")
    return float(value)


def _setting(value: Any) -> Any:
    """A number as it is written, or a list of numbers."""
    if isinstance(value, list):
        return [_number(item) for item in value]
    _number(value)
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"expected a whole number of at least 0, got {value!r:.40}")
    return value


def _fields(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, got {value!r:.40}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a text, got {value!r:.40}")
    return value
