"""A view in a terminal: the plot as text, and texts made safe to print and wrapped between their words."""

import os
import re
import shutil
import sys
import textwrap

import numpy as np

from lr_finder.curve.suggestion import Suggestion
from lr_finder.extras import extra
from lr_finder.report.view import View

NARROWEST, WIDEST = 30, 100
"""Columns of what is drawn; a narrower terminal wraps it."""

HEIGHT = 14
WIDE_ENOUGH_FOR_TITLE = 60
RATE_NAME = " learning rate "
FRAME_IN_ASCII = str.maketrans("┌┐└┘─│├┤●", "++++-|||o")
CURVE_COLOR, SUGGESTION_COLOR, PLAIN = "\x1b[36m", "\x1b[33m", "\x1b[0m"


def terminal_plot(
    shown: View, width: int | None = None, ascii_only: bool | None = None, color: bool | None = None
) -> str:
    """The smoothed loss against the rate in lines of text, with a line at the suggestion and its interval below.

    Args:
        shown: What to draw.
        width: Columns, limited to 30 to 100; `terminal_width()` where left out.
        ascii_only: Whether to draw with ASCII characters; where left out, if standard output can hold no others.

        color: Whether to colour it; where left out, if standard output is a terminal and NO_COLOR is not set.

    Raises:
        MissingExtraError: uniplot is not installed.
    """
    with extra("terminal"):
        from uniplot import plot_to_string

    if not len(shown.lrs):
        return "There is no finite loss to draw."
    width = min(max(terminal_width() if width is None else width, NARROWEST), WIDEST)
    if ascii_only is None:
        ascii_only = not _can_print("┌▀│")
    title, marks = "loss against learning rate", []
    if shown.suggestion is not None:
        mark, marks = f"│ suggested: {shown.suggestion.lr:.2g}", [shown.suggestion.lr]
        title = f"{title} ({mark})" if width >= WIDE_ENOUGH_FOR_TITLE else mark
    low, high = min([shown.lrs[0], *marks]), max([shown.lrs[-1], *marks])
    if low == high:
        low, high = low / 10, high * 10
    text = plot_to_string(
        xs=shown.lrs,
        ys=shown.smoothed,
        lines=True,
        x_as_log=True,
        x_min=low,
        x_max=high,
        x_labels=False,  # uniplot's own can be broken powers, such as 10^-2.5
        x_gridlines=marks,
        y_gridlines=[],
        y_max=min(shown.top, shown.smoothed.max()),
        width=width,
        line_length_hard_cap=width,
        height=HEIGHT,
        title=title,
        character_set="ascii" if ascii_only else "block",
    )
    columns = text.index("┐") - text.index("┌") - 1
    bottom = "─" * columns
    text = text.replace(bottom + "┘", RATE_NAME.center(columns, "─") + "┘")
    lines = text.split("\n")
    if _has_color() if color is None else color:
        lines = [_colored(line) for line in lines]
    if shown.suggestion is not None:
        lines.append(_interval(shown.suggestion, low, high, columns))
    lines.append(_rate_labels(low, high, columns))
    text = "\n".join(lines)
    return text.translate(FRAME_IN_ASCII) if ascii_only else text


def terminal_width() -> int:
    """Columns to write in: those of the terminal, but 100 at most."""
    return min(shutil.get_terminal_size().columns, WIDEST)


def wrapped(text: str, width: int | None = None) -> str:
    """The text in lines that fit into the terminal and break between words only; its own line breaks stay.

    A word that is longer than a line keeps a line of its own. What a line is indented by, its continuation is too.
    """
    width = terminal_width() if width is None else width
    return "\n".join(_wrapped_line(line, width) for line in text.split("\n"))


def _wrapped_line(line: str, width: int) -> str:
    indent = line[: len(line) - len(line.lstrip(" "))]
    return textwrap.fill(
        line.lstrip(" "),
        max(width, len(indent) + 1),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def printable(text: str) -> str:
    """The text with control characters written out, so that text from a file cannot steer the terminal."""
    return "".join(
        character if character.isprintable() or character == "\n" else ascii(character)[1:-1] for character in text
    )


def _column(lr: float, low: float, high: float, columns: int) -> int:
    """In which of the columns between two rates another one is; the first or the last where it lies beyond."""
    place = np.log(lr / low) / np.log(high / low)
    return round(float(np.clip(place, 0, 1)) * (columns - 1))


def _interval(suggestion: Suggestion, low: float, high: float, columns: int) -> str:
    """The line below the frame with the interval and the suggestion in it."""
    first, mark, last = (1 + _column(lr, low, high, columns) for lr in (suggestion.low, suggestion.lr, suggestion.high))
    line = " " * first + "├" + "─" * (last - first - 1) + "┤"
    line = f"{line[:mark]}●{line[mark + 1 :]}"
    return f"{line} interval" if len(line) + len(" interval") <= columns + 2 else line


def _colored(line: str) -> str:
    """A line of the plot with the curve in one colour, the line at the suggestion in another."""
    if not line.startswith("│"):
        return line
    end = line.rindex("│")
    inside = re.sub("[^│ ]+", rf"{CURVE_COLOR}\g<0>{PLAIN}", line[1:end])
    return line[0] + inside.replace("│", f"{SUGGESTION_COLOR}│{PLAIN}") + line[end:]


def _has_color() -> bool:
    """Whether standard output shows colours, and is to: https://no-color.org."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _rate_labels(low: float, high: float, columns: int) -> str:
    """The line below the frame: powers of ten, or both ends where there are no two powers between them."""
    first, last = np.log10([low, high])
    powers = np.arange(np.ceil(first), np.floor(last) + 1)
    labels = (
        {power: f"{10**power:g}" for power in powers} if len(powers) > 1 else {first: f"{low:.2g}", last: f"{high:.2g}"}
    )
    line = ""
    for decade, label in labels.items():
        centre = 1 + (decade - first) / (last - first) * (columns - 1)
        start = min(max(round(centre - (len(label) - 1) / 2), 0), columns + 2 - len(label))
        if start > len(line) or not line:
            line = line.ljust(start) + label
    return line


def _can_print(text: str) -> bool:
    """Whether standard output has these characters."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
