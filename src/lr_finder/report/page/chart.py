"""The chart of a page: `chart.json`, in Vega-Lite, filled with what the runs measured."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lr_finder.curve.sweep import DEFAULT_END_LR, DEFAULT_START_LR
from lr_finder.curve.thresholds import SMOOTHING_WIDTH
from lr_finder.report.page.run import Run
from lr_finder.report.view import View

WIDTHS = (0.0, 0.05, 0.1, SMOOTHING_WIDTH, 0.4, 0.8)
"""What the slider smooths with: standard deviations in decades of the rate; 0 is not at all."""

MOST_POINTS, MOST_ON_LINE = 2000, 400
"""Of longer curves the chart shows every second, third, ... step: a file that can be sent by mail."""

MARGIN = 1.15
"""By how much the rate axis goes beyond what is shown."""

DEFAULT = "suggested"
"""Stands for the rule, or the probes, by which a result suggests its rate."""

INTERVAL_LAYER = 1


def chart(runs: Sequence[Run]) -> dict[str, Any]:
    """The specification of the chart."""
    spec = json.loads(Path(__file__).with_name("chart.json").read_text(encoding="utf-8"))
    shown = [run.view for run in runs]
    spec["usermeta"]["names"] = [view.name or "this search" for view in shown]
    spec["datasets"] = {
        "points": [row for number, run in enumerate(runs) for row in _points(number, run)],
        "lines": [row for number, run in enumerate(runs) for row in _lines(number, run)],
        "suggestions": [row for number, run in enumerate(runs) for row in _suggestions(number, run)],
        "probes": [row for number, run in enumerate(runs) for row in _probes(number, run)],
        "ends": [
            {"run": number, "lr": view.ran_away[0], "why": view.ran_away[1]}
            for number, view in enumerate(shown)
            if view.ran_away is not None
        ],
    }
    rate, loss = (spec["layer"][0]["encoding"][axis] for axis in "xy")  # whose scales all layers share
    rates = [lr for view in shown for lr in (*view.lrs, *_interval(view))] or [DEFAULT_START_LR, DEFAULT_END_LR]
    rate["scale"]["domain"] = [min(rates) / MARGIN, max(rates) * MARGIN]
    rate["title"] = max((view.rate_name for view in shown), key=len)
    loss["scale"]["domain"] = [min(view.bottom for view in shown), max(view.top for view in shown)]
    if len(runs) > 1:  # bands would lie over each other
        interval = spec["layer"][INTERVAL_LAYER]
        interval["mark"] = {"type": "rule", "clip": True, "strokeWidth": 2, "aria": False}
        interval["encoding"]["y"] = {"field": "loss", "type": "quantitative"}
    return spec


def can_be_logarithmic(runs: Sequence[Run]) -> bool:
    """Whether the loss axis can: all losses are above 0."""
    return all(np.all(run.view.losses > 0) for run in runs)


def thinned(steps: int, most: int) -> NDArray[np.int64]:
    """Which of the steps are shown where there are too many: the last one always is."""
    return np.arange(steps - 1, -1, -max(-(-steps // most), 1))[::-1]


def _points(number: int, run: Run) -> list[dict[str, Any]]:
    view = run.view
    kept = thinned(len(view.lrs), MOST_POINTS)
    rows = zip(*(column[kept].tolist() for column in (view.steps, view.lrs, view.losses)), strict=True)
    return [{"run": number, "step": step, "lr": _short(lr), "loss": _short(loss)} for step, lr, loss in rows]


def _lines(number: int, run: Run) -> list[dict[str, Any]]:
    view = run.view
    kept = thinned(len(view.lrs), MOST_ON_LINE)
    return [
        {"run": number, "width": width, "lr": _short(lr), "loss": _short(loss)}
        for width in WIDTHS
        for lr, loss in zip(view.lrs[kept].tolist(), view.smoothed_with(width, kept).tolist(), strict=True)
    ]


def _suggestions(number: int, run: Run) -> list[dict[str, Any]]:
    view = run.view
    if view.suggestion is None:
        return []
    return [
        {
            "run": number,
            "name": view.name,
            "rule": rule,
            "lr": _short(suggestion.lr),
            "low": _short(suggestion.low),
            "high": _short(suggestion.high),
            "confidence": suggestion.confidence,
            "loss": _finite(view.loss_at(suggestion.lr)),
        }
        for rule, suggestion in {DEFAULT: view.suggestion, **run.by_rule}.items()
    ]


def _probes(number: int, run: Run) -> list[dict[str, Any]]:
    return [
        {
            "run": number,
            "lr": _short(probe.lr),
            "loss": _short(run.view.top if probe.ran_away else probe.last_loss),
            "rank": probe.rank,
            "steps": len(probe.losses),
            "outcome": "ran away" if probe.ran_away else "best" if probe.rank == 1 else "tried",
        }
        for probe in run.view.probes
    ]


def _interval(view: View) -> tuple[float, ...]:
    return () if view.suggestion is None else (view.suggestion.low, view.suggestion.high)


def _finite(value: float) -> float | None:
    return _short(value) if np.isfinite(value) else None


def _short(value: float) -> float:
    """Five digits: more cannot be seen."""
    return float(f"{value:.5g}")
