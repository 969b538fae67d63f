import json

import pytest
from benchmarks.finders.figures import RESULTS, draw_finders, draw_truth
from benchmarks.finders.readme import README, fill, overview, trained_instead
from benchmarks.finders.regret import Summary

NUMBERS = json.loads((RESULTS / "regret.json").read_text())
ROWS = {table: {name: Summary(**row) for name, row in rows.items()} for table, rows in NUMBERS.items()}


def test_a_named_place_is_filled_as_often_as_one_likes(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- here -->\n<!-- /here -->\nafter\n")
    for text in ("old", "new"):
        fill("here", text, page)
    assert page.read_text() == "before\n<!-- here -->\n\nnew\n\n<!-- /here -->\nafter\n"


def test_a_page_without_the_place_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- here -->\n")
    with pytest.raises(ValueError, match="must have the comments <!-- here -->"):
        fill("here", "text", page)


def test_the_tables_in_the_readme_are_those_of_the_results():
    page = README.read_text()
    assert overview(ROWS) in page
    assert trained_instead(ROWS["trained instead"]) in page


def test_the_figures_show_every_finder_and_every_chosen_case():
    left, right = draw_finders(NUMBERS["constant"]).axes
    assert {label.get_text() for label in left.get_yticklabels()} == set(NUMBERS["constant"])
    assert sorted(bar.get_width() for bar in right.patches) == sorted(
        row["steps"] for row in NUMBERS["constant"].values()
    )
    assert all(len(ax.lines) >= 2 for ax in draw_truth().axes)
