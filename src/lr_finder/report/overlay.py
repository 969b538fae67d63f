"""Several views on the same axes, each in a colour, a line style and a mark of its own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lr_finder.report.canvas import draw_frame, inks_of
from lr_finder.report.inks import LINE_STYLES, MARKERS, Inks
from lr_finder.report.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def overlay(views: Sequence[View], ax: "Axes", *, suggestion: bool = True) -> None:
    """Draws the smoothed losses over each other, with each suggestion and its interval as a mark with a bar.

    One legend names each result and what it suggests. What ran away ends in a cross.
    """
    inks = inks_of(ax)
    draw_frame(ax, inks, max((shown.rate_name for shown in views), key=len))
    for number, shown in enumerate(views):
        _draw_run(ax, shown, number, inks, suggestion)
    ax.set_ylim(min(shown.bottom for shown in views), max(shown.top for shown in views))
    ax.set_title("", loc="left")
    legend = ax.legend(
        loc="best", framealpha=0.8, facecolor=inks.paper, edgecolor=inks.frame, fontsize=9, labelcolor=inks.ink
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a dollar sign in a name is one


def _draw_run(ax: "Axes", shown: View, number: int, inks: Inks, suggestion: bool) -> None:
    color = inks.runs[number % len(inks.runs)]
    mark = MARKERS[number % len(MARKERS)]
    found = shown.suggestion if suggestion else None
    ax.plot(shown.lrs, shown.losses, mark, color=color, alpha=inks.point / 1.5, markersize=3, markeredgewidth=0)
    ax.plot(
        shown.lrs,
        shown.smoothed,
        color=color,
        linewidth=2.2,
        linestyle=LINE_STYLES[number % len(LINE_STYLES)],
        marker=None if found is None else mark,
        markevery=[],  # the mark is for the legend; on the line there is but that of the suggestion
        label=_label(shown, number, suggestion),
    )
    if found is not None:
        ax.errorbar(
            found.lr,
            shown.loss_at(found.lr),
            xerr=[[found.lr - found.low], [found.high - found.lr]],
            fmt=mark,
            color=color,
            markersize=8,
            markeredgecolor=inks.paper,
            ecolor=color,
            elinewidth=1.5,
            capsize=4,
            zorder=5,
        )
    if shown.ran_away is not None and len(shown.smoothed):
        ax.plot(shown.lrs[-1], min(shown.smoothed[-1], shown.top), "x", color=color, markersize=8, markeredgewidth=2)


def _label(shown: View, number: int, suggestion: bool) -> str:
    name = shown.name or f"result {number + 1}"
    label = f"{name}: {shown.in_a_line}" if suggestion else name
    return f" {label}" if label.startswith("_") else label  # which matplotlib leaves out of a legend
