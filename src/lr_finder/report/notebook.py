"""Results as the output of a notebook's cell: what is suggested, the picture, the words."""

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO

from lr_finder.errors import MissingExtraError
from lr_finder.report.canvas import DPI
from lr_finder.report.html import Html, element, paragraphs
from lr_finder.report.plot import new_figure
from lr_finder.report.view import View

PICTURE = "max-width: 100%; width: 640px"
WORDS = "max-width: 45em"


def cell(shown: View, explanation: str) -> Html:
    """The headline, the picture where matplotlib is installed, and the explanation."""
    heading = element("strong", shown.headline)
    words = paragraphs(explanation, style=WORDS)
    return element("div", heading, element("div", shown.details), picture([shown], shown.headline), words)


def picture(shown: Sequence[View], text: str) -> Html:
    """The plot as an image that is part of the text; nothing without matplotlib.

    Args:
        shown: What to draw.
        text: What it shows, for those who can't see it.
    """
    image = BytesIO()
    try:
        new_figure(shown).savefig(image, format="png", dpi=DPI)
    except MissingExtraError:
        return Html()
    source = f"data:image/png;base64,{b64encode(image.getvalue()).decode()}"
    return element("img", src=source, alt=text, style=PICTURE)
