"""The plot of a view: loss against rate, with the suggestion."""

import textwrap
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lr_finder.curve.suggestion import Suggestion
from lr_finder.extras import extra
from lr_finder.files import whole_or_not_at_all
from lr_finder.report.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (8.0, 4.67)
"""Inches; 1200 x 700 pixels at `DPI`."""

DPI = 150

# Blue and vermilion of Okabe and Ito's palette, which colour-blind readers can tell apart, and greys.
LINE, ACCENT, INK, FAINT = "#0072B2", "#D55E00", "#333333", "#6E6E6E"


def plot(shown: View, ax: "Axes | None" = None, *, suggestion: bool = True) -> "Axes":
    """Draws loss against rate; never calls `show()`.

    Args:
        shown: What to draw.
        ax: Where to draw; a new figure where left out.
        suggestion: Whether to mark the suggested rate.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    ax = _new_axes() if ax is None else ax
    _draw_frame(ax, shown)
    _draw_curve(ax, shown)
    if shown.ran_away is not None:
        _draw_end(ax, *shown.ran_away)
    if suggestion:
        if shown.suggestion is not None:
            _draw_suggestion(ax, shown, shown.suggestion)
        _write_words(ax, shown)
    return ax


def save_plot(shown: View, path: "str | PathLike[str]") -> None:
    """Writes the plot in the format that the file's name ends in, 1200 x 700 pixels for an image; needs no display.

    Raises:
        MissingExtraError: matplotlib is not installed.
        ValueError: The file's name ends in something that matplotlib cannot write.
    """
    with extra("plot"):
        from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    plot(shown, figure.subplots())
    with whole_or_not_at_all(Path(path)) as unfinished:
        figure.savefig(unfinished, dpi=DPI)


def _new_axes() -> "Axes":
    with extra("plot"):
        import matplotlib.pyplot as plt

    return plt.subplots(figsize=SIZE, layout="constrained")[1]


def _draw_frame(ax: "Axes", shown: View) -> None:
    ax.set_xscale("log")
    ax.set_xlabel("learning rate of the fastest group" if shown.several_groups else "learning rate", color=INK)
    ax.set_ylabel("training loss", color=INK)
    if len(shown.lrs) and shown.lrs[0] == shown.lrs[-1]:
        ax.set_xlim(shown.lrs[0] / 10, shown.lrs[0] * 10)
    ax.grid(axis="y", color="#E9E9E9", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("#BBBBBB")
    ax.tick_params(which="both", color="#BBBBBB", labelcolor=INK)


def _draw_curve(ax: "Axes", shown: View) -> None:
    ax.plot(shown.lrs, shown.losses, "o", color=LINE, alpha=0.3, markersize=4, markeredgewidth=0, label="each step")
    ax.plot(shown.lrs, shown.smoothed, color=LINE, linewidth=2.2, label="smoothed")
    ax.set_ylim(shown.bottom, shown.top)
    if not len(shown.lrs):
        ax.set_yticks([])


def _draw_end(ax: "Axes", lr: float, why: str) -> None:
    """Marks the rate at which the loss ran away."""
    ax.axvline(lr, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
    ax.annotate(
        why,
        (lr, 0.02),
        xytext=(4, 0),
        xycoords=ax.get_xaxis_transform(),
        textcoords="offset points",
        rotation=90,
        va="bottom",
        fontsize=9,
        color=FAINT,
    )


def _draw_suggestion(ax: "Axes", shown: View, suggestion: Suggestion) -> None:
    ax.axvspan(suggestion.low, suggestion.high, color=ACCENT, alpha=0.1, linewidth=0, label="interval")
    ax.axvline(suggestion.lr, color=ACCENT, linewidth=1.2)
    loss = np.nan  # left or right of what is shown there is no point to mark
    if len(shown.lrs):
        loss = np.interp(np.log(suggestion.lr), np.log(shown.lrs), shown.smoothed, left=loss, right=loss)
    ax.plot(
        suggestion.lr,
        loss,
        "o",
        color=ACCENT,
        markersize=9,
        markeredgecolor="white",
        markeredgewidth=1.5,
        zorder=5,
        label="suggested",
    )
    ax.legend(loc="lower left", frameon=False, fontsize=9, labelcolor=INK)


def _write_words(ax: "Axes", shown: View) -> None:
    details = textwrap.fill(shown.details, 100)
    ax.annotate(
        details,
        (0, 1),
        xytext=(0, 8),
        xycoords="axes fraction",
        textcoords="offset points",
        va="bottom",
        fontsize=9.5,
        color=FAINT,
    )
    lines = 1 + details.count("\n")
    ax.set_title(shown.headline, loc="left", fontsize=13, fontweight="bold", color=INK, pad=12 + 13 * lines)
