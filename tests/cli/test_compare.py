from pathlib import Path

import pytest
from matplotlib.image import imread

from cli_calls import call
from curves import valley_curve
from lr_finder import Curve, RangeTestResult, compare

RESULT = RangeTestResult(valley_curve(), steps_taken=230)
NONE = RangeTestResult(Curve([1e-3], [float("nan")]), 1)


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    for name, result in {"a": RESULT, "b": RESULT, "none": NONE, "runs/a": RESULT, "wd=0.1": RESULT}.items():
        result.save(f"{name}.json")
    (tmp_path / "broken.json").write_text("{")


def test_saved_results_stand_side_by_side_under_their_names_and_those_of_their_files():
    done = call(
        "compare",
        "a.json",
        "runs/a.json=SGD, $10",
        "wd=0.1.json",
        "none.json",
        "--plot",
        "both.png",
        "--report",
        "both.html",
    )
    expected = compare({"a": RESULT, "SGD, $10": RESULT, "wd=0.1": RESULT, "none": NONE})
    assert done.stdout == f"{expected.table()}\n\nWrote both.png and both.html.\n"
    assert imread("both.png").shape[:2] == (700, 1200)
    assert "SGD, $10" in Path("both.html").read_text()
    assert done.exit_code == 0


def test_where_none_has_a_suggestion_the_exit_status_says_so():
    assert call("compare", "none.json").exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.json", "runs/a.json"], "two results are called 'a'; name one of them: runs/a.json=NAME"),
        (["a.json", "missing.json"], "missing.json"),
        (["broken.json"], "broken.json is not a result of lr_finder"),
        (["a.json", "--report", "both.txt"], "--report must end in .html"),
        (["a.json", "--plot", "both.txt"], "--plot must end in .png or .svg or .pdf"),
        (["a.json=\x1b[2J", "b.json=\x1b[2J"], "two results are called '\\x1b[2J'"),
        ([], "Missing argument"),
    ],
)
def test_a_mistake_is_told_in_a_line(arguments, message):
    done = call("compare", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.output
