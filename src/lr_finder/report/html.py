"""HTML out of Python values: whatever is text stays text."""

import html
from collections.abc import Iterable, Sequence

WITHOUT_INSIDE = ("img", "input")


class Html(str):
    """Text that is HTML already; any other text is escaped where it is put into an element."""


def element(tag: str, *inside: str, **attributes: str) -> Html:
    """An element; `class_` and `for_` are spelt so, and `aria_label` becomes `aria-label`."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for name, value in attributes.items()
    )
    end = "" if tag in WITHOUT_INSIDE else f"</{tag}>"
    return Html(f"<{tag}{written}>{joined(inside)}{end}")


def joined(parts: Iterable[str]) -> Html:
    """Parts one after the other."""
    return Html("".join(part if isinstance(part, Html) else html.escape(part) for part in parts))


def paragraphs(text: str, **attributes: str) -> Html:
    """A text of several lines, each a paragraph."""
    return joined(element("p", line, **attributes) for line in text.split("\n"))


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    """A table whose first column names its rows."""
    head = element("tr", *(element("th", cell, scope="col") for cell in heads))
    body = [
        element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in rest))
        for first, *rest in rows
    ]
    return element("table", element("caption", caption), element("thead", head), element("tbody", *body))


def scrollable(label: str, inside: Html) -> Html:
    """What may be wider or higher than its place, and can be scrolled with the keyboard."""
    return element("div", inside, class_="scrollable", role="region", tabindex="0", aria_label=label)
