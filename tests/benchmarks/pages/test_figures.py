import re

from benchmarks.pages.figures import MARKS, draw_choices, save_figure
from benchmarks.pages.tables import CHOICES
from matplotlib.figure import Figure


def test_a_shorter_picture_keeps_its_words_and_its_points(tmp_path):
    figure = Figure()
    ax = figure.subplots()
    ax.plot([1, 2, 3], [1, 4, 9], "o", alpha=0.3)
    ax.set_title("between 0.0123456 and 1.2345")
    figure.savefig(tmp_path / "long.svg")
    path = save_figure(figure, tmp_path / "short.svg")
    svg = path.read_text()
    assert len(svg) < 0.6 * (tmp_path / "long.svg").stat().st_size
    assert "between 0.0123456 and 1.2345" in svg
    (points,) = re.findall(r'<g clip-path="[^"]*" style="[^"]*fill-opacity: 0.3[^"]*">((?:\s*<use [^>]*>)+)', svg)
    assert points.count("<use") == 3


def test_the_figure_of_choices_shows_those_of_the_table():
    assert list(MARKS) == list(CHOICES)
    for ax in draw_choices().axes:
        assert len(ax.lines) == len(MARKS)
