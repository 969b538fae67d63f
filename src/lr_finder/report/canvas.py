"""The axes that curves are drawn on: their frame, the inks that suit them, and how much room there is for words."""

from typing import TYPE_CHECKING

from lr_finder.extras import extra
from lr_finder.report.inks import DARK, LIGHT, Inks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (8.0, 4.67)
"""Inches; 1200 x 700 pixels at `DPI`."""

DPI = 150

POINTS_PER_CHARACTER = 0.55
"""Width of a character over the size of the font, on average."""


def new_axes() -> "Axes":
    """The axes of a figure of their own."""
    with extra("plot"):
        import matplotlib.pyplot as plt

    return plt.subplots(figsize=SIZE, layout="constrained")[1]


def inks_of(ax: "Axes") -> Inks:
    """Those that can be read on the background of the axes, whatever style it came from."""
    from matplotlib.colors import to_rgba

    paper = to_rgba(ax.get_facecolor())
    if paper[3] == 0 and ax.figure is not None:
        paper = to_rgba(ax.figure.get_facecolor())
    red, green, blue, alpha = paper
    is_dark = alpha > 0 and 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.4
    return DARK if is_dark else LIGHT


def draw_frame(ax: "Axes", inks: Inks, rate_name: str) -> None:
    """Both axes with their names, the rate's in powers of ten."""
    ax.set_xscale("log")
    ax.set_xlabel(rate_name, color=inks.ink)
    ax.set_ylabel("training loss", color=inks.ink)
    ax.grid(axis="y", color=inks.grid, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(inks.frame)
    ax.tick_params(which="both", color=inks.frame, labelcolor=inks.ink)


def points_across(ax: "Axes") -> float:
    """Width of the axes in points, by which fonts are measured."""
    return ax.get_window_extent().width * 72 / ax.figure.dpi


def characters_across(ax: "Axes", fontsize: float) -> int:
    """How many characters fit across the axes."""
    return max(int(points_across(ax) / (POINTS_PER_CHARACTER * fontsize)), 1)
