"""The page itself: `page.html`, filled with what the runs have to say."""

import json
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from string import Template

from lr_finder.files import whole_or_not_at_all
from lr_finder.report.html import Html, element, joined, paragraphs, scrollable, table
from lr_finder.report.page.chart import DEFAULT, WIDTHS, can_be_logarithmic, chart, thinned
from lr_finder.report.page.libraries import chart_libraries
from lr_finder.report.page.run import Run

MOST_ROWS = 1000
"""Steps whose values are written out; of longer curves every second, third, ..."""


def save_page(runs: Sequence[Run], path: "str | PathLike[str]") -> None:
    """Writes a page of its own that needs no other file; an old one stays until it is complete.

    Raises:
        MissingExtraError: The extra `report` is not installed.
        ValueError: The file's name does not end in .html.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"path must end in .html, got {str(path)!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path must lie in a folder that exists, got {str(path)!r}")
    text = page(runs)
    with whole_or_not_at_all(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def page(runs: Sequence[Run]) -> str:
    """The page as text."""
    title, details = _headline(runs)
    return Template(_file("page.html")).substitute(
        title=joined([title]),
        details=joined([details]),
        style=_file("page.css"),
        libraries=chart_libraries(),
        script=_file("page.js"),
        chart=_in_script(chart(runs)),
        widths=_in_script(WIDTHS),
        controls=_controls(runs),
        explanations=joined(_explanations(runs)),
        suggestions=scrollable("Table of suggestions", _suggestions(runs)),
        facts=scrollable("Table of how it was made", _facts(runs)),
        values=joined(_values(run) for run in runs),
    )


def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _in_script(data: object) -> str:
    """JSON that cannot end the script it stands in."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _headline(runs: Sequence[Run]) -> tuple[str, str]:
    if len(runs) > 1:
        return f"Learning rates of {len(runs)} results", ", ".join(run.view.name for run in runs)
    (run,) = runs
    return (f"{run.view.name}: {run.view.headline}" if run.view.name else run.view.headline), run.view.details


def _controls(runs: Sequence[Run]) -> Html:
    """A group of switches for each thing that can be shown or hidden."""
    named = [(str(number), run.view.name or "result") for number, run in enumerate(runs)]
    rules = list(dict.fromkeys(rule for run in runs if run.view.suggestion for rule in (DEFAULT, *run.by_rule)))
    parts = [("points", "every step"), ("interval", "interval")]
    if any(run.view.probes for run in runs):
        parts.append(("probes", "short trainings"))
    axes = [("x", "rate in powers of ten")]
    if can_be_logarithmic(runs):
        axes.append(("y", "loss in powers of ten"))
    groups = [
        ("run", "Results", named if len(runs) > 1 else [], {key for key, _ in named}),
        ("rule", "Rules", [(rule, rule.replace("_", " ")) for rule in rules], {DEFAULT}),
        ("part", "Show", parts, {key for key, _ in parts}),
        ("axis", "Axes", axes, {"x"}),
    ]
    return joined(_switches(*group) for group in groups if group[2])


def _switches(kind: str, legend: str, choices: Sequence[tuple[str, str]], on: set[str]) -> Html:
    labels = []
    for key, said in choices:
        checked = {"checked": ""} if key in on else {}
        box = element("input", type="checkbox", name=kind, value=key, **checked)
        swatch = element("span", class_=f"swatch run-{int(key) % 7}") if kind == "run" else Html()
        labels.append(element("label", box, swatch, f" {said}"))
    return element("fieldset", element("legend", legend), *labels)


def _explanations(runs: Sequence[Run]) -> Iterator[Html]:
    for run in runs:
        if len(runs) > 1:
            yield element("h3", run.view.name)
        yield paragraphs(run.explanation)


def _suggestions(runs: Sequence[Run]) -> Html:
    rows = []
    for run in runs:
        found = {} if run.view.suggestion is None else {DEFAULT: run.view.suggestion, **run.by_rule}
        for rule, suggestion in found.items():
            interval = f"{suggestion.low:.2g} to {suggestion.high:.2g}"
            cells = [rule.replace("_", " "), f"{suggestion.lr:.3g}", interval, suggestion.confidence]
            rows.append([run.view.name, *cells])
        if not found:
            rows.append([run.view.name, "none", "", "", ""])
    heads = ["Result", "Rule", "Rate", "Interval", "Confidence"]
    if len(runs) == 1:
        heads, rows = heads[1:], [row[1:] for row in rows]
    return table("What each rule suggests", heads, rows)


def _facts(runs: Sequence[Run]) -> Html:
    names = list(dict.fromkeys(name for run in runs for name in run.facts))
    rows = [[name, *(run.facts.get(name, "") for run in runs)] for name in names]
    heads = ["What", *(run.view.name or "This search" for run in runs)]
    return table("What it takes to search again", heads, rows)


def _values(run: Run) -> Html:
    view = run.view
    shown = thinned(len(view.lrs), MOST_ROWS)
    rows = [
        [str(view.steps[i]), f"{view.lrs[i]:.4g}", f"{view.losses[i]:.6g}", f"{view.smoothed[i]:.6g}"] for i in shown
    ]
    name = f"Values of {view.name}" if view.name else "Values"
    every = f", {len(shown)} of {len(view.lrs)}" if len(shown) < len(view.lrs) else ""
    values = table(f"{name}{every}", ("Step", "Rate", "Loss", "Smoothed"), rows)
    return element("details", element("summary", name), scrollable(f"Table of {name}", values))
