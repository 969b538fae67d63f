"""The plot of a view: loss against rate, with the suggestion."""

import textwrap
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakSet

from lr_finder.curve.suggestion import Suggestion
from lr_finder.extras import extra
from lr_finder.files import whole_or_not_at_all
from lr_finder.report.canvas import DPI, SIZE, characters_across, draw_frame, inks_of, new_axes, points_across
from lr_finder.report.inks import Inks
from lr_finder.report.overlay import overlay
from lr_finder.report.view import View

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NAMED = 5
"""Groups whose rates are all named; of more, the first and the last are."""

WIDE, NARROW = 420.0, 200.0
"""Points. Narrower axes than the first, as those among several, have a title of a line; than the second, no legend."""

_drawn: "WeakKeyDictionary[Axes, tuple[list[View], WeakSet[Artist]]]" = WeakKeyDictionary()
"""What was drawn on which axes: where another result follows there, both get a look of their own. An artist holds its
axes, and must not be held here."""


def plot(shown: View, ax: "Axes | None" = None, *, suggestion: bool = True) -> "Axes":
    """Draws loss against rate; never calls `show()`.

    Where another result is drawn on the axes already, they are laid over each other, as `compare` does.

    Args:
        shown: What to draw.
        ax: Where to draw; a new figure where left out.
        suggestion: Whether to mark the suggested rate.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    ax = new_axes() if ax is None else ax
    earlier = _taken_off(ax)
    others = set(ax.get_children())
    if earlier:
        overlay([*earlier, shown], ax, suggestion=suggestion)
    else:
        _draw(shown, ax, suggestion, has_room=points_across(ax) >= WIDE)
    _drawn[ax] = ([*earlier, shown], WeakSet(set(ax.get_children()) - others))
    return ax


def plot_all(views: Sequence[View], ax: "Axes | None" = None) -> "Axes":
    """Draws several over each other; with one, that."""
    ax = new_axes() if ax is None else ax
    for shown in views:
        plot(shown, ax)
    return ax


def save_plot(shown: View | Sequence[View], path: "str | PathLike[str]") -> None:
    """Writes the plot in the format that the file's name ends in, 1200 x 700 pixels for an image; needs no display.

    Args:
        shown: What to draw; several are drawn over each other.
        path: The file.

    Raises:
        MissingExtraError: matplotlib is not installed.
        ValueError: The file's name ends in something that matplotlib cannot write.
    """
    figure = new_figure(shown)
    with whole_or_not_at_all(Path(path)) as unfinished:
        figure.savefig(unfinished, dpi=DPI)


def new_figure(shown: View | Sequence[View]) -> "Figure":
    """A figure with the plot, which pyplot knows nothing of: it needs no display, and is shown nowhere.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with extra("plot"):
        from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    plot_all([shown] if isinstance(shown, View) else shown, figure.subplots())
    return figure


def _taken_off(ax: "Axes") -> list[View]:
    """The results that were drawn on the axes, of which nothing is left there then."""
    views, artists = _drawn.pop(ax, ([], WeakSet()))
    left = set(artists) & set(ax.get_children())
    for artist in left:
        artist.remove()
    return views if left else []


def _draw(shown: View, ax: "Axes", suggestion: bool, has_room: bool) -> None:
    inks = inks_of(ax)
    draw_frame(ax, inks, _rate_name(shown) if has_room else textwrap.fill(shown.rate_name, characters_across(ax, 10)))
    if len(shown.lrs) and shown.lrs[0] == shown.lrs[-1]:
        ax.set_xlim(shown.lrs[0] / 10, shown.lrs[0] * 10)
    _draw_curve(ax, shown, inks)
    if shown.ran_away is not None:
        lr, why = shown.ran_away
        _draw_end(ax, lr, why if points_across(ax) >= NARROW else "", inks)
    if not suggestion:
        return
    if shown.suggestion is not None:
        _draw_suggestion(ax, shown, shown.suggestion, inks)
    if shown.probes:
        _draw_probes(ax, shown, inks)
    if shown.suggestion is not None and points_across(ax) >= NARROW:
        ax.legend(loc="lower left", frameon=False, fontsize=9 if has_room else 7, labelcolor=inks.ink)
    if has_room:
        _write_words(ax, shown, inks)
    else:
        _write_title(ax, shown, inks)


def _rate_name(shown: View) -> str:
    """What the rate axis shows, and the rates of all groups where the fastest has the suggested one."""
    if not len(shown.group_lrs):
        return shown.rate_name
    lrs = [f"{lr:.2g}" for lr in shown.group_lrs]
    lrs = lrs if len(lrs) <= MOST_NAMED else [*lrs[:2], "...", *lrs[-2:]]
    return f"{shown.rate_name} (all groups as suggested: {', '.join(lrs)})"


def _draw_curve(ax: "Axes", shown: View, inks: Inks) -> None:
    ax.plot(
        shown.lrs,
        shown.losses,
        "o",
        color=inks.line,
        alpha=inks.point,
        markersize=4,
        markeredgewidth=0,
        label="each step",
    )
    ax.plot(shown.lrs, shown.smoothed, color=inks.line, linewidth=2.2, label="smoothed")
    ax.set_ylim(shown.bottom, shown.top)
    if not len(shown.lrs):
        ax.set_yticks([])


def _draw_end(ax: "Axes", lr: float, why: str, inks: Inks) -> None:
    """Marks the rate at which the loss ran away."""
    ax.axvline(lr, color=inks.faint, linewidth=1, linestyle=(0, (4, 3)))
    ax.annotate(
        why,
        (lr, 0.02),
        xytext=(-3, 0),
        xycoords=ax.get_xaxis_transform(),
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="bottom",
        fontsize=9,
        color=inks.faint,
    )


def _draw_suggestion(ax: "Axes", shown: View, suggestion: Suggestion, inks: Inks) -> None:
    ax.axvspan(suggestion.low, suggestion.high, color=inks.accent, alpha=inks.band, linewidth=0, label="interval")
    ax.axvline(suggestion.lr, color=inks.accent, linewidth=1.2)
    ax.plot(
        suggestion.lr,
        shown.loss_at(suggestion.lr),
        "o",
        color=inks.accent,
        markersize=9,
        markeredgecolor=inks.paper,
        markeredgewidth=1.5,
        zorder=5,
        label="suggested",
    )


def _draw_probes(ax: "Axes", shown: View, inks: Inks) -> None:
    """Marks the loss that each short training came to, the best one filled; what ran away is at the top."""
    steps = max(len(probe.losses) for probe in shown.probes)
    for probe in shown.probes:
        ax.plot(
            probe.lr,
            shown.top if probe.ran_away else probe.last_loss,
            "X" if probe.ran_away else "D",
            color=inks.ink,
            markersize=6,
            markerfacecolor=inks.ink if probe.rank == 1 or probe.ran_away else inks.paper,
            clip_on=False,
            zorder=4,
            label=f"after {steps} steps at the rate" if probe.rank == 1 else None,
        )


def _write_words(ax: "Axes", shown: View, inks: Inks) -> None:
    details = textwrap.fill(shown.details, 100)
    ax.annotate(
        details,
        (0, 1),
        xytext=(0, 8),
        xycoords="axes fraction",
        textcoords="offset points",
        va="bottom",
        fontsize=9.5,
        color=inks.faint,
    )
    lines = 1 + details.count("\n")
    headline = f"{shown.name}: {shown.headline}" if shown.name else shown.headline
    title = ax.set_title(headline, loc="left", fontsize=13, fontweight="bold", color=inks.ink, pad=12 + 13 * lines)
    title.set_parse_math(False)


def _write_title(ax: "Axes", shown: View, inks: Inks) -> None:
    """The rate and its interval in a line where there is little room, in two where there is less."""
    title = f"{shown.name}: {shown.in_a_line}" if shown.name else shown.in_a_line
    fontsize = 10
    if len(title) > characters_across(ax, fontsize):
        title, fontsize = title.replace(", ", "\n", 1), 8
    ax.set_title(title, loc="left", fontsize=fontsize, color=inks.ink, pad=4).set_parse_math(False)
