"""The figures of the pages, as small SVG files. Run `python -m benchmarks.pages.figures` for those of result files."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.finders.figures import BLUE, FOLDER, GREEN, GREY, ORANGE, SKY, VERMILION, _clean
from benchmarks.result_files import RESULTS, read_lines
from lr_finder import RangeTestResult

SMALL = {"svg.fonttype": "none", "svg.hashsalt": "lr_finder", "font.family": "sans-serif", "path.simplify": True}
"""Text stays text, and the same numbers give the same bytes."""


MARKS = {
    "lr_finder": "o",
    "lr_finder, num_it=100": "^",
    "lr_finder, num_it=300": "s",
    "lr_finder, probes=5": "D",
    "lr_finder, probes=5, validate": "v",
}
"""The ways to ask that are compared, and how they are marked."""


def save_curve(result: RangeTestResult, name: str) -> Path:
    """Draws one curve of the gallery."""
    with rc_context(SMALL):
        figure = Figure(figsize=(8, 4), layout="constrained")
        result.plot(figure.subplots())
    return save_figure(figure, FOLDER / f"curve_{name}.svg")


def save_figure(figure: Figure, path: Path) -> Path:
    """Writes a figure in few bytes."""
    with rc_context(SMALL):
        figure.savefig(path, metadata={"Date": None})
    path.write_text(_shortened(path.read_text()))
    return path


def _shortened(svg: str) -> str:
    """The same picture in half of the bytes: places to a tenth of a point, a style that markers share said once."""
    svg = re.sub(r'(?<= )(x|y|d|transform)="[^"]*"', lambda found: re.sub(r"(\.\d)\d+", r"\1", found[0]), svg)
    for marks, style in re.findall(r'(<g clip-path="[^"]*">(?:\s*<use [^>]*? style="([^"]*)"/>)+)', svg):
        without = marks.replace(f' style="{style}"', "").replace('">', f'" style="{style}">', 1)
        svg = svg.replace(marks, without)
    return "\n".join(line.strip() for line in svg.splitlines()) + "\n"


def draw_choices() -> Figure:
    """Regret over steps for each way to ask: on the cases that the rule was chosen on, and on unseen ones."""
    own = json.loads((RESULTS / "regret.json").read_text())["constant"]
    unseen = json.loads((RESULTS / "wider.json").read_text())["unseen"]
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    panels = (("chosen on these 114 cases", own, "regret_with_refusals"), ("16 unseen, hard cases", unseen, "regret"))
    for ax, (title, numbers, column) in zip(figure.subplots(1, 2), panels, strict=True):
        for (name, mark), colour in zip(MARKS.items(), (BLUE, SKY, GREEN, ORANGE, VERMILION), strict=True):
            row = numbers[name]
            label = name.removeprefix("lr_finder").removeprefix(", ") or "no option"
            ax.plot(row["steps"], row[column], mark, color=colour, ms=9, mec="white", label=label)
        ax.set_title(title, fontsize=10)
        ax.margins(0.15)
        ax.set_xlim(left=0)
        ax.set_ylim(bottom=0)
        ax.set_xlabel("optimizer steps of a search, mean")
        _clean(ax, "both")
    figure.axes[0].set_ylabel("mean regret, each refusal as 1")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
    return figure


def draw_fine_tuning() -> Figure:
    """What a search sees of a fine-tuning, and what trainings at each rate learn and forget, above one another."""
    found = json.loads((RESULTS / "fine_tuning.json").read_text())
    figure = Figure(figsize=(8, 7), layout="constrained")
    search, new, old = figure.subplots(3, 1, sharex=True)
    first = found["searches"][0]
    search.plot(first["lrs"], first["losses"], ".", color=BLUE, alpha=0.4, mec="none", ms=7)
    search.set_ylim(top=3)
    search.set_ylabel("training loss\nin the search")
    for schedule, colour in {"constant": BLUE, "linear": ORANGE}.items():
        rows = fine_tuned(schedule)
        rates = [row["lr"] for row in rows]
        new.plot(rates, [row["loss"] for row in rows], "o-", color=colour, label=f"{schedule} rate")
        old.plot(rates, [row["neighbours_found"] for row in rows], "o-", color=colour)
    new.set_ylabel("validation loss\non the new task")
    new.legend(frameon=False)
    old.axhline(found["before"]["neighbours_found"], color=GREY, lw=1, ls=":")
    old.set_ylabel("neighbours found,\nthe old task")
    _finish_rates((search, new, old), first["lr"], first["low"], first["high"])
    return figure


def fine_tuned(schedule: str) -> list[dict[str, float]]:
    """The mean over the seeds at each rate; a rate at which a loss was not finite has no loss."""
    lines = [line for line in read_lines(RESULTS / "fine_tuning.jsonl") if line["schedule"] == schedule]
    rows = []
    for lr in sorted({line["lr"] for line in lines}):
        here = [line for line in lines if line["lr"] == lr]
        row: dict[str, float] = {"lr": lr, "seeds": len(here)}
        for name in ("loss", "accuracy", "neighbours_found"):
            row[name] = float(np.mean([np.nan if line[name] is None else line[name] for line in here]))
        rows.append(row)
    return rows


def draw_forgetting() -> Figure:
    """What a small net learns and forgets at each rate, in a short and in a long training."""
    found = json.loads((RESULTS / "forgetting.json").read_text())
    figure = Figure(figsize=(8, 5), layout="constrained")
    new, old = figure.subplots(2, 1, sharex=True)
    for steps, colour in {100: BLUE, 1000: ORANGE}.items():
        rows = [row for row in found["trained"] if row["steps"] == steps]
        rates = [row["lr"] for row in rows]
        new.plot(rates, [row["loss"] for row in rows], "o-", color=colour, label=f"{steps} steps")
        old.plot(rates, [row["old_accuracy"] for row in rows], "o-", color=colour)
    new.set_ylabel("validation loss\non the new digits")
    new.set_ylim(bottom=0)
    new.legend(frameon=False)
    old.set_ylabel("old digits read")
    old.set_ylim(0, 1.05)
    first = found["searches"][0]
    _finish_rates((new, old), first["lr"], first["low"], first["high"])
    return figure


def _finish_rates(axes: Sequence[Axes], lr: float, low: float, high: float) -> None:
    """Marks the suggestion and its interval in panels that share their axis of rates."""
    for ax in axes:
        ax.set_xscale("log")
        ax.axvspan(low, high, color=VERMILION, alpha=0.1, lw=0)
        ax.axvline(lr, color=VERMILION, lw=1.2)
        _clean(ax, "both")
    axes[-1].set_xlabel("learning rate (the line and the shade: what the search suggests)")


def main() -> None:
    """Draws the figures that follow from result files."""
    for draw in (draw_choices, draw_fine_tuning, draw_forgetting):
        with rc_context(SMALL):
            figure = draw()
        print(save_figure(figure, FOLDER / f"{draw.__name__.removeprefix('draw_')}.svg"))


if __name__ == "__main__":
    main()
