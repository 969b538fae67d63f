"""The page of a result as a file: what it holds, and that what could run or load is not in it."""

import json
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from curves import valley_curve
from lr_finder import Curve, RangeTestResult, StopReason, compare
from lr_finder.core.record import Record
from lr_finder.curve.probe import Probe
from lr_finder.curve.training import Training
from lr_finder.report.page.chart import MOST_ON_LINE, MOST_POINTS, WIDTHS, chart, thinned

TRAINING = Training("AdamW", ({"lr": 1e-3, "betas": [0.9, 0.999]}, {"lr": 1e-4}), batch_size=64, seed=7)
RECORD = Record("2026-11-27T10:00:00+00:00", {"python": "3.11.7", "torch": "2.13.0"}, {"num_it": 300})
PROBES = (Probe(1e-2, np.array([2.3, 0.4]), None, 1.9, 1), Probe(1.0, np.array([2.3, 9.0]), None, -np.inf, 2))
RESULT = RangeTestResult(replace(valley_curve(noise=0.02), training=TRAINING), 230, PROBES, record=RECORD)
NONE = RangeTestResult(Curve([1e-3, 1e-2], [np.nan, np.nan], stop_reason=StopReason.NOT_FINITE), 2)
NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp;"


class Page(HTMLParser):
    """The elements of a page, the texts in them, and the scripts."""

    VOID = ("meta", "link", "input", "br", "hr", "img")

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.texts, self.ids, self.scripts = [], [], {}, {}, []
        self.feed(text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if "id" in attributes:
            assert attributes["id"] not in self.ids, f"twice: {attributes['id']}"
            self.ids[attributes["id"]] = tag
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif data.strip():
            self.texts.setdefault(self.open[-1], []).append(data.strip())

    def of(self, tag):
        return [attributes for found, attributes in self.tags if found == tag]

    @property
    def chart(self):
        return json.loads(self.scripts[0])


def write(made, folder):
    made.report(folder / "lr.html")
    return (folder / "lr.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    return Page(write(RESULT, tmp_path_factory.mktemp("one")))


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    comparison = compare({"AdamW": RESULT, NASTY: RESULT, "broken": NONE})
    return Page(write(comparison, tmp_path_factory.mktemp("several")))


def test_it_says_what_is_suggested_why_and_how_it_was_made(one):
    assert one.texts["h1"] == one.texts["title"] == [f"Suggested learning rate {RESULT.suggestion.lr:.2g}"]
    assert set(RESULT.explain().split("\n")) <= set(one.texts["p"])
    facts = one.texts["td"]
    for said in ("AdamW", "64", "7", "num_it=300", "python 3.11.7, torch 2.13.0", "lr=0.001, betas=[0.9, 0.999]"):
        assert said in facts
    assert "2026-11-27 10:00:00 UTC" in facts


def test_every_step_is_in_a_table_and_in_the_chart(one):
    points = one.chart["datasets"]["points"]
    assert [point["step"] for point in points] == list(range(200))
    assert [point["lr"] for point in points] == pytest.approx(RESULT.lrs, rel=1e-4)
    assert [point["loss"] for point in points] == pytest.approx(RESULT.losses, rel=1e-4)
    assert {str(step) for step in range(200)} <= set(one.texts["th"])
    assert f"{RESULT.losses[7]:.6g}" in one.texts["td"]


def test_the_lines_are_smoothed_as_the_slider_says(one):
    lines = one.chart["datasets"]["lines"]
    assert {row["width"] for row in lines} == set(WIDTHS)
    for width in WIDTHS:
        drawn = [row["loss"] for row in lines if row["width"] == width]
        assert drawn == pytest.approx(RESULT.view().smoothed_with(width), rel=1e-4)
    assert json.loads(one.scripts[1]) == list(WIDTHS)


def test_suggestion_rules_probes_and_the_end_are_in_the_chart(one):
    data = one.chart["datasets"]
    by_rule = {row["rule"]: row["lr"] for row in data["suggestions"]}
    assert by_rule.pop("suggested") == pytest.approx(RESULT.suggestion.lr, rel=1e-4)
    rules = ("basin", "steepest", "min_div10", "valley", "slide")
    assert by_rule == {rule: pytest.approx(RESULT.suggest(rule).lr, rel=1e-4) for rule in rules}
    assert [(row["lr"], row["outcome"]) for row in data["probes"]] == [(1e-2, "best"), (1.0, "ran away")]
    assert data["ends"][0]["why"] == "the loss diverged"


def test_it_can_load_nothing(one):
    assert not any(name in attributes for _, attributes in one.tags for name in ("src", "srcset", "action"))
    assert [link["href"] for link in one.of("link")] == ["data:,"]
    assert not one.of("a")
    (policy,) = [meta["content"] for meta in one.of("meta") if "http-equiv" in meta]
    assert policy.startswith("default-src 'none'")


def test_every_control_has_a_name_and_every_table_its_heads(several):
    labelled = {label.get("for") for label in several.of("label")}
    boxes = [field for field in several.of("input") if field["type"] == "checkbox"]
    assert len([label for label in several.of("label") if "for" not in label]) == len(boxes)  # they are inside
    assert "smoothing" in labelled
    assert len(several.of("caption")) == len(several.of("table"))
    assert all(head["scope"] in ("col", "row") for head in several.of("th"))
    assert {section["aria-labelledby"] for section in several.of("section")} <= set(several.ids)
    assert [attributes["lang"] for attributes in several.of("html")] == ["en"]


def test_a_name_stays_text_wherever_it_stands(several):
    assert len(several.scripts) == 4
    assert not several.of("img")
    assert NASTY in several.texts["h3"]
    assert NASTY in several.texts["th"]
    assert several.chart["usermeta"]["names"] == ["AdamW", NASTY, "broken"]


def test_of_several_each_can_be_switched_off(several):
    runs = [field["value"] for field in several.of("input") if field.get("name") == "run"]
    assert runs == ["0", "1", "2"]
    assert "Learning rates of 3 results" in several.texts["h1"]


def test_a_result_without_any_loss_has_a_page_too(tmp_path):
    text = write(NONE, tmp_path)
    assert "No suggestion" in Page(text).texts["h1"]


def test_of_a_long_curve_the_chart_and_the_table_show_a_part():
    steps = MOST_POINTS + 2
    long = RangeTestResult(valley_curve(steps=steps), steps)
    data = chart([long.run()])["datasets"]
    assert MOST_POINTS / 2 <= len(data["points"]) <= MOST_POINTS
    assert data["points"][-1]["step"] == steps - 1
    assert len(data["lines"]) <= MOST_ON_LINE * len(WIDTHS)


@pytest.mark.parametrize(("steps", "most", "shown"), [(5, 5, [0, 1, 2, 3, 4]), (6, 5, [1, 3, 5]), (0, 5, [])])
def test_the_last_of_too_many_steps_is_always_shown(steps, most, shown):
    assert thinned(steps, most).tolist() == shown


def test_another_ending_or_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"path must end in .html, got .*lr.txt"):
        RESULT.report(tmp_path / "lr.txt")
    with pytest.raises(FileNotFoundError, match="path must lie in a folder that exists"):
        RESULT.report(tmp_path / "none" / "lr.html")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_library_is_told_with_the_line_that_installs_it():
    code = (
        "import sys; sys.modules['vl_convert'] = None\n"
        "from lr_finder import Curve, RangeTestResult\n"
        "RangeTestResult(Curve([1.0], [1.0]), 1).report('lr.html')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install vl-convert-python" in done.stderr.strip().splitlines()[-1]
