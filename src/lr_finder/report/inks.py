"""Colours and line styles that can be told apart on light and on dark, in print, and by the colour-blind."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Inks:
    """The colours of a picture on one kind of background.

    Args:
        line: A single curve.
        accent: The suggestion.
        ink: Text.
        faint: Text and lines that stand back.
        grid: The lines of the grid.
        frame: The lines around the picture.
        paper: What lies between a mark and what it stands on.
        point: Opacity of the raw losses.
        band: Opacity of the interval.
        runs: A colour for each of several curves.
    """

    line: str
    accent: str
    ink: str
    faint: str
    grid: str
    frame: str
    paper: str
    point: float
    band: float
    runs: tuple[str, ...]


# Okabe and Ito's palette, on dark without its dark blue and black; yellow is for neither.
LIGHT = Inks(
    line="#0072B2",
    accent="#D55E00",
    ink="#333333",
    faint="#6E6E6E",
    grid="#E9E9E9",
    frame="#BBBBBB",
    paper="#FFFFFF",
    point=0.3,
    band=0.13,
    runs=("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9"),
)
DARK = Inks(
    line="#56B4E9",
    accent="#E69F00",
    ink="#E6E6E6",
    faint="#A8A8A8",
    grid="#333333",
    frame="#666666",
    paper="#000000",
    point=0.6,
    band=0.25,
    runs=("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#FFFFFF", "#D55E00", "#F0E442"),
)

LINE_STYLES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (8, 3)), (0, (2, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
