import io
import re
import subprocess
import sys

import numpy as np
import pytest

from curves import valley_curve
from lr_finder import Curve, RangeTestResult, StopReason
from lr_finder.report.terminal import printable, terminal_plot, terminal_width, wrapped

RESULT = RangeTestResult(valley_curve(), steps_taken=200)


def plot_rows(text):
    """What is inside the frame, one text per row."""
    return [line[1 : line.rindex("|")] for line in text.split("\n") if line.startswith("|")]


def column_of(lr, text):
    (width,) = {len(row) for row in plot_rows(text)}
    decades = np.log10(RESULT.lrs)
    return round((np.log10(lr) - decades[0]) / (decades[-1] - decades[0]) * (width - 1))


def test_a_vertical_line_marks_the_suggestion():
    text = terminal_plot(RESULT.view(), width=80, ascii_only=True)
    rows = plot_rows(text)
    (marked,) = {row.index("|") for row in rows if "|" in row}
    assert abs(marked - column_of(RESULT.suggestion.lr, text)) <= 1
    assert sum("|" in row for row in rows) > len(rows) / 2
    assert f"suggested: {RESULT.suggestion.lr:.2g}" in text


def test_the_curve_is_lowest_in_the_column_of_the_lowest_loss():
    text = terminal_plot(RESULT.view(), width=80, ascii_only=True)
    lowest_row = [row for row in plot_rows(text) if "+" in row][-1]
    columns = [index for index, character in enumerate(lowest_row) if character == "+"]
    assert min(columns) - 1 <= column_of(RESULT.lrs[np.argmin(RESULT.losses)], text) <= max(columns) + 1


def test_the_powers_of_ten_stand_below_their_columns():
    text = terminal_plot(RESULT.view(), width=90, ascii_only=True)
    labels = text.split("\n")[-1]
    assert labels.split() == ["1e-06", "1e-05", "0.0001", "0.001", "0.01", "0.1", "1", "10"]
    for label in labels.split()[1:-1]:  # those at the ends are pushed inside
        first = labels.index(f" {label} ") + 1
        assert abs(first + (len(label) - 1) / 2 - 1 - column_of(float(label), text)) <= 1


def test_a_range_without_two_powers_of_ten_has_labels_at_its_ends():
    lrs = np.geomspace(2e-3, 6e-3, 30)
    labels = terminal_plot(RangeTestResult(Curve(lrs, 1 + lrs), 30).view(), ascii_only=True).split("\n")[-1]
    assert labels.split() == ["0.002", "0.006"]


@pytest.mark.parametrize(("width", "most"), [(80, 80), (20, 30), (500, 100)])
def test_it_keeps_to_the_width_within_reason(width, most):
    lines = terminal_plot(RESULT.view(), width=width).split("\n")
    assert most - 1 <= max(len(line) for line in lines) <= most


def test_without_a_width_it_takes_that_of_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "72")
    assert terminal_width() == 72
    assert max(len(line) for line in terminal_plot(RESULT.view()).split("\n")) == 72


def test_plain_ascii_has_no_other_character():
    assert terminal_plot(RESULT.view(), ascii_only=True).isascii()
    assert not terminal_plot(RESULT.view(), ascii_only=False).isascii()


@pytest.mark.parametrize(("encoding", "is_ascii"), [("utf-8", False), ("ascii", True), ("latin-1", True)])
def test_what_standard_output_cannot_hold_is_not_written(monkeypatch, encoding, is_ascii):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert terminal_plot(RESULT.view()).isascii() == is_ascii


def test_the_interval_stands_below_the_frame():
    text = terminal_plot(RESULT.view(), width=80, ascii_only=True)
    frame, interval, _ = text.split("\n")[-3:]
    low, mark, high = interval.index("|"), interval.index("o"), interval.rindex("|")
    suggestion = RESULT.suggestion
    for column, lr in ((low, suggestion.low), (mark, suggestion.lr), (high, suggestion.high)):
        assert abs(column - 1 - column_of(lr, text)) <= 1
    assert interval.endswith("| interval")
    assert " learning rate " in frame


def test_colours_are_for_terminals_and_change_no_character(monkeypatch):
    plain = terminal_plot(RESULT.view())
    assert "\x1b" not in plain  # standard output is no terminal here
    assert re.sub(r"\x1b\[\d+m", "", terminal_plot(RESULT.view(), color=True)) == plain
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[36m" in terminal_plot(RESULT.view())
    monkeypatch.setenv("NO_COLOR", "1")
    assert terminal_plot(RESULT.view()) == plain


def test_without_a_suggestion_the_curve_is_drawn_without_a_mark():
    text = terminal_plot(RangeTestResult(Curve(RESULT.lrs, 1 + RESULT.lrs), 200).view(), width=80, ascii_only=True)
    assert "suggested" not in text
    assert not any("|" in row for row in plot_rows(text))
    assert any("+" in row for row in plot_rows(text))


@pytest.mark.parametrize("losses", [[], [np.nan]], ids=["empty", "NaN"])
def test_where_there_is_no_finite_loss_it_says_so(losses):
    result = RangeTestResult(Curve(np.ones(len(losses)), losses, stop_reason=StopReason.NOT_FINITE), len(losses))
    assert terminal_plot(result.view()) == "There is no finite loss to draw."


@pytest.mark.parametrize("losses", [[-2.5], np.full(60, 2.3), np.geomspace(1, 1e38, 60)], ids=["one", "flat", "huge"])
def test_odd_curves_are_drawn(losses):
    text = terminal_plot(
        RangeTestResult(Curve(np.geomspace(1e-5, 1, len(losses)), losses), 60).view(), 80, ascii_only=True
    )
    assert any("+" in row for row in plot_rows(text))


TEXT = (
    "The rate 3.2e-05 is half-way down: give --num-it=300.\n  lr_find(model, optimizer, loss_fn, train_loader)\n\nEnd"
)


@pytest.mark.parametrize("width", [1, 20, 40, 80])
def test_a_text_is_wrapped_between_words_only(width):
    lines = wrapped(TEXT, width).split("\n")
    assert " ".join(lines).split() == TEXT.split()
    assert all(len(line) <= width or len(line.split()) == 1 for line in lines)


def test_lines_and_their_indent_stay():
    assert wrapped(TEXT, 30).split("\n")[2:] == ["  lr_find(model, optimizer,", "  loss_fn, train_loader)", "", "End"]


def test_control_characters_are_written_out():
    assert printable("a\x1b[2Jb\rc\x9b\nd é 読 \udcff") == "a\\x1b[2Jb\\rc\\x9b\nd é 読 \\udcff"


def test_a_missing_uniplot_is_told_with_the_line_that_installs_it():
    code = (
        "import sys; sys.modules['uniplot'] = None\n"
        "from lr_finder import Curve, RangeTestResult\n"
        "from lr_finder.report.terminal import terminal_plot\n"
        "terminal_plot(RangeTestResult(Curve([1.0], [1.0]), 1).view())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install uniplot" in done.stderr.strip().splitlines()[-1]
