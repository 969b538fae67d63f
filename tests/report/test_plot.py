import gc
from dataclasses import replace
from io import BytesIO
from weakref import ref

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from curves import valley_curve
from lr_finder import Curve, RangeTestResult, StopReason, compare
from lr_finder.curve.probe import Probe
from lr_finder.curve.reading import cap
from lr_finder.curve.smoothing import smooth
from lr_finder.report.canvas import DPI, SIZE
from lr_finder.report.inks import DARK, LIGHT
from lr_finder.report.plot import new_figure, save_plot

RESULT = RangeTestResult(valley_curve(noise=0.02), steps_taken=200)
RATES = np.geomspace(1e-6, 1.0, 60)


def result_of(losses, lrs=None, stop_reason=StopReason.COMPLETED, group_lrs=None):
    lrs = RATES[: len(losses)] if lrs is None else lrs
    return RangeTestResult(Curve(lrs, losses, group_lrs, stop_reason), len(losses))


def line(ax, label):
    (found,) = [line for line in ax.get_lines() if line.get_label() == label]
    return found


def texts(ax):
    return " ".join([ax.get_title(loc="left"), *(text.get_text() for text in ax.texts)]).replace("\n", " ")


@pytest.fixture(autouse=True)
def no_show(monkeypatch):
    def fail(*arguments, **keywords):
        raise AssertionError("show() was called")

    monkeypatch.setattr(plt, "show", fail)
    monkeypatch.setattr(Figure, "show", fail)


def test_the_line_is_the_two_sided_average_of_the_losses_with_what_ran_away_cut_off():
    drawn = line(RESULT.plot(), "smoothed")
    np.testing.assert_array_equal(drawn.get_xdata(), RESULT.lrs)
    np.testing.assert_array_equal(drawn.get_ydata(), smooth(RESULT.lrs, cap(RESULT.losses)))


def test_the_points_are_the_raw_losses():
    points = line(RESULT.plot(), "each step")
    np.testing.assert_array_equal(points.get_xdata(), RESULT.lrs)
    np.testing.assert_array_equal(points.get_ydata(), RESULT.losses)
    assert points.get_linestyle() == "None"


def test_the_rate_axis_is_logarithmic_and_both_axes_are_named():
    ax = RESULT.plot()
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "learning rate"
    assert ax.get_ylabel() == "training loss"


def test_the_suggestion_is_marked_on_the_curve_with_its_interval_as_a_band():
    ax = RESULT.plot()
    suggestion = RESULT.suggestion
    ((x,), (y,)) = line(ax, "suggested").get_data()
    drawn = line(ax, "smoothed")
    assert x == suggestion.lr
    assert y == pytest.approx(np.interp(np.log(x), np.log(drawn.get_xdata()), drawn.get_ydata()))
    (band,) = [patch for patch in ax.patches if patch.get_label() == "interval"]
    edges = ax.transData.inverted().transform(band.get_extents())[:, 0]  # before Matplotlib 3.9 it is a polygon
    assert edges == pytest.approx((suggestion.low, suggestion.high))
    vertical = [line.get_xdata()[0] for line in ax.get_lines() if to_hex(line.get_color()) == LIGHT.accent.lower()]
    assert vertical == [suggestion.lr, suggestion.lr]  # the line and the dot


def test_the_words_above_name_the_rate_its_interval_and_the_confidence():
    suggestion = RESULT.suggestion
    words = texts(RESULT.plot())
    assert f"Suggested learning rate {suggestion.lr:.2g}" in words
    assert f"{suggestion.low:.2g} to {suggestion.high:.2g}" in words
    assert f"{suggestion.confidence} confidence" in words


def test_the_suggestion_can_be_left_out():
    ax = RESULT.plot(suggestion=False)
    assert [line.get_label() for line in ax.get_lines()][:2] == ["each step", "smoothed"]
    assert not [line for line in ax.get_lines() if to_hex(line.get_color()) == LIGHT.accent.lower()]
    assert not ax.patches
    assert "uggest" not in texts(ax)


@pytest.mark.parametrize("reason", [StopReason.DIVERGED, StopReason.NOT_FINITE])
def test_the_rate_at_which_the_loss_ran_away_is_marked(reason):
    ax = result_of(valley_curve().losses, valley_curve().lrs, reason).plot()
    assert reason.value in texts(ax)
    assert [10.0, 10.0] in [list(line.get_xdata()) for line in ax.get_lines()]


def test_a_sweep_that_completed_has_no_such_mark():
    ax = result_of(valley_curve().losses, valley_curve().lrs).plot()
    assert [10.0, 10.0] not in [list(line.get_xdata()) for line in ax.get_lines()]


def test_a_run_away_loss_leaves_through_the_top_and_does_not_flatten_the_rest():
    losses = valley_curve().losses.copy()
    losses[-5:] = 1e9
    bottom, top = result_of(losses, valley_curve().lrs, StopReason.DIVERGED).plot().get_ylim()
    assert -0.5 < bottom < losses.min()
    assert 2.3 < top < 5


def test_with_skip_end_given_nothing_is_cut_off():
    ax = RESULT.plot(skip_end=0)
    np.testing.assert_array_equal(line(ax, "smoothed").get_ydata(), smooth(RESULT.lrs, RESULT.losses))
    assert ax.get_ylim()[1] > RESULT.losses.max()


def test_skipped_steps_are_not_drawn():
    ax = RESULT.plot(skip_start=10, skip_end=5)
    np.testing.assert_array_equal(line(ax, "each step").get_xdata(), RESULT.lrs[10:-5])
    assert RESULT.stop_reason.value not in texts(ax)  # it stopped at a step that is not shown
    np.testing.assert_array_equal(line(RESULT.plot(skip_start=3), "each step").get_xdata(), RESULT.lrs[3:])


def test_the_cut_does_not_depend_on_what_is_skipped():
    whole, part = line(RESULT.plot(), "smoothed").get_ydata(), line(RESULT.plot(skip_start=100), "smoothed").get_ydata()
    np.testing.assert_allclose(part[-20:], whole[-20:])


def test_of_a_loss_that_only_runs_away_all_is_shown():
    assert RESULT.plot(skip_start=195).get_ylim()[1] > RESULT.losses.max()


def test_where_only_losses_that_are_not_finite_are_left_the_suggestion_is_still_marked():
    losses = np.append(RESULT.losses, np.nan)
    result = result_of(losses, np.append(RESULT.lrs, 11.0), StopReason.NOT_FINITE)
    ax = result.plot(skip_start=200)
    assert len(line(ax, "each step").get_xdata()) == 0
    assert line(ax, "suggested").get_xdata()[0] == result.suggestion.lr


def test_skipping_leaves_the_suggestion_as_it_is():
    assert line(RESULT.plot(skip_start=10, skip_end=60), "suggested").get_xdata()[0] == RESULT.suggestion.lr


@pytest.mark.parametrize(
    ("skips", "text"),
    [
        ({"skip_start": -1}, "skip_start must be at least 0, got -1"),
        ({"skip_end": -2}, "skip_end must be at least 0, got -2"),
        ({"skip_start": 150, "skip_end": 50}, "must leave at least 1 of the 200 steps, got 150 and 50"),
    ],
)
def test_a_bad_number_of_steps_to_skip_is_refused_and_no_figure_is_left(skips, text):
    with pytest.raises(ValueError, match=text):
        RESULT.plot(**skips)
    assert not plt.get_fignums()


def test_of_many_groups_the_first_and_the_last_rates_are_named():
    groups = RESULT.lrs[:, None] / np.arange(1, 12)
    assert "..., " in result_of(RESULT.losses, RESULT.lrs, group_lrs=groups).plot().get_xlabel()


def probe(lr, last_loss, fall, rank):
    return Probe(lr, np.array([2.3, last_loss, last_loss]), None, fall, rank)


def test_probes_are_marked_at_the_loss_that_they_came_to():
    probes = (probe(1e-2, -1.0, 3.3, 1), probe(1e-3, 1.5, 0.8, 2), probe(1.0, 50.0, -np.inf, 3))
    ax = replace(RESULT, probes=probes).plot()
    marks = [line for line in ax.get_lines() if line.get_marker() in ("D", "X")]
    bottom, top = ax.get_ylim()
    assert [tuple(mark.get_xydata()[0]) for mark in marks] == [(1e-2, -1.0), (1e-3, 1.5), (1.0, top)]
    assert bottom < -1.0
    assert marks[0].get_markerfacecolor() != marks[1].get_markerfacecolor()  # the best one is filled
    assert "after 3 steps at the rate" in legend_of(ax)


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_second_result_on_the_same_axes_gets_a_look_and_a_name_of_its_own():
    other = result_of(valley_curve().losses + 0.3, valley_curve().lrs)
    ax = RESULT.plot(label="AdamW")
    assert "AdamW" in texts(ax)
    assert other.plot(ax, label="SGD, $10 and up$") is ax
    first, second = (line for line in ax.get_lines() if ":" in line.get_label())
    assert first.get_color() != second.get_color()
    assert first.get_linestyle() != second.get_linestyle()
    assert legend_of(ax) == [f"AdamW: {RESULT.suggestion}", f"SGD, $10 and up$: {other.suggestion}"]
    assert texts(ax).strip() == ""
    assert not ax.patches  # the band of the first is gone


def test_a_comparison_is_drawn_on_axes_of_its_own_or_on_yours():
    comparison = compare({"first": RESULT, "second": RESULT})
    assert [text.partition(":")[0] for text in legend_of(comparison.plot())] == ["first", "second"]
    _, ax = plt.subplots()
    assert comparison.plot(ax) is ax


def test_results_without_names_are_numbered():
    ax = RESULT.plot()
    RESULT.plot(ax)
    result_of([2.3]).plot(ax, label="_hidden_")
    assert [text.partition(":")[0] for text in legend_of(ax)] == ["result 1", "result 2", " _hidden_"]
    assert legend_of(ax)[2].endswith("no suggestion")


def test_axes_that_were_cleared_hold_no_result():
    ax = RESULT.plot()
    ax.clear()
    assert "Suggested learning rate" in texts(RESULT.plot(ax))


def test_what_the_user_drew_stays():
    _, ax = plt.subplots()
    (mine,) = ax.plot([1e-3, 1.0], [1, 2])
    RESULT.plot(ax)
    RESULT.plot(ax)
    assert mine in ax.get_lines()


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_every_text_can_be_read_on_its_background(style):
    with plt.style.context(style):
        figure, axes = plt.subplots(2, 2, figsize=(14, 9))
        for ax in axes.flat:
            replace(RESULT, probes=(probe(1e-2, 1.0, 1.3, 1),)).plot(ax)
        RESULT.plot(axes[0, 0])
    figure.canvas.draw()  # there are no numbers at the axes before
    background = to_rgb(figure.get_facecolor())
    written = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert len(written) > 40
    for text in written:
        assert contrast(to_rgb(text.get_color()), background) > 4.5, text


def contrast(*colors):
    """That of two colours, as WCAG has it."""
    light = [sum(w * luminance(c) for w, c in zip((0.2126, 0.7152, 0.0722), color, strict=True)) for color in colors]
    return (max(light) + 0.05) / (min(light) + 0.05)


def luminance(channel):
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


@pytest.mark.parametrize("inks", [LIGHT, DARK], ids=["light", "dark"])
def test_the_colours_of_runs_stand_out_from_the_paper(inks):
    assert all(contrast(to_rgb(color), to_rgb(inks.paper)) > 2.1 for color in inks.runs)
    assert len(set(inks.runs)) == len(inks.runs)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 2), (2, 3)])
def test_titles_of_subplots_fit_above_them(rows, columns):
    figure, axes = plt.subplots(rows, columns, squeeze=False, layout="constrained")
    for ax in axes.flat:
        RESULT.plot(ax)
    figure.canvas.draw()
    for ax in axes.flat:
        title = ax._left_title.get_window_extent()
        assert title.width <= ax.get_window_extent().width * 1.05
        assert title.y1 <= figure.bbox.y1 + 1


def test_it_draws_where_it_is_told_to():
    figure, (left, right) = plt.subplots(1, 2)
    assert RESULT.plot(right) is right
    assert right.get_lines()
    assert not left.get_lines()
    assert plt.get_fignums() == [figure.number]


def test_without_axes_a_figure_of_its_own_is_made():
    first, second = RESULT.plot(), RESULT.plot()
    assert first.figure is not second.figure
    assert plt.get_fignums() == [first.figure.number, second.figure.number]


NO_SUGGESTION = {
    "an empty curve": (result_of([]), "0 of 0 losses were finite"),
    "one point": (result_of([2.3]), "1 of 1 losses were finite"),
    "NaN from the start": (result_of([np.nan], stop_reason=StopReason.NOT_FINITE), "nan at the first step"),
    "no finite loss": (result_of(np.full(60, np.inf)), "inf at the first step"),
    "a constant loss": (result_of(np.full(60, 2.3)), "stayed at 2.3"),
    "a loss that only rises": (result_of(1 + RATES), "never fell clearly"),
}


@pytest.mark.parametrize(("result", "why"), NO_SUGGESTION.values(), ids=NO_SUGGESTION)
def test_without_a_suggestion_the_plot_says_why_and_shows_what_there_is(result, why, tmp_path):
    ax = result.plot()
    assert "No suggestion" in texts(ax)
    assert why in texts(ax)
    assert not ax.patches
    finite = np.isfinite(result.losses)
    np.testing.assert_array_equal(line(ax, "each step").get_xdata(), result.lrs[finite])
    save_plot(result.view(), tmp_path / "lr.png")  # renders without a warning


def test_a_rise_without_a_fall_is_shown_to_its_top():
    assert result_of(1 + RATES).plot().get_ylim()[1] > 2


def test_losses_that_are_not_finite_are_left_out_and_the_rest_is_drawn():
    losses = np.append(valley_curve().losses[:150], np.nan)
    ax = result_of(losses, valley_curve().lrs[:151], StopReason.NOT_FINITE).plot()
    assert len(line(ax, "smoothed").get_xdata()) == 150


def test_adding_a_constant_to_the_loss_moves_the_picture_and_changes_nothing_else():
    shifted = RangeTestResult(
        Curve(RESULT.lrs, RESULT.losses - 8.0, stop_reason=RESULT.stop_reason), RESULT.steps_taken
    )
    before, after = RESULT.plot(), shifted.plot()
    np.testing.assert_allclose(line(after, "smoothed").get_ydata(), line(before, "smoothed").get_ydata() - 8.0)
    assert np.array(after.get_ylim()) + 8.0 == pytest.approx(np.array(before.get_ylim()))


def test_with_several_groups_the_axis_says_whose_rate_it_shows():
    groups = np.stack([RESULT.lrs / 10, RESULT.lrs], axis=1)
    ax = result_of(RESULT.losses, RESULT.lrs, RESULT.stop_reason, groups).plot()
    lr = RESULT.suggestion.lr
    as_suggested = f"{lr / 10:.2g}, {lr:.2g}"
    assert ax.get_xlabel() == f"learning rate of the fastest group (all groups as suggested: {as_suggested})"
    np.testing.assert_array_equal(line(ax, "smoothed").get_xdata(), RESULT.lrs)


def test_an_image_is_written_without_pyplot_in_the_size_that_is_promised(tmp_path):
    save_plot(RESULT.view(), tmp_path / "lr.png")
    assert imread(tmp_path / "lr.png").shape[:2] == (round(SIZE[1] * DPI), SIZE[0] * DPI)
    assert not plt.get_fignums()


def test_a_plot_that_fails_half_way_leaves_the_old_file_alone(tmp_path, monkeypatch):
    def half(figure, path, **_):
        path.write_bytes(b"half")
        raise OSError("the disk is full")

    path = tmp_path / "lr.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(OSError, match="the disk is full"):
        save_plot(RESULT.view(), path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("lr.png", b"old")]


def test_where_the_batches_were_measured_the_picture_shows_what_they_do_not_add():
    clean = valley_curve(noise=0.02)
    batches = 3 * np.random.default_rng(0).normal(size=len(clean))
    curve = replace(clean, losses=clean.losses + batches, control_losses=batches)
    shown = line(RangeTestResult(curve, len(curve)).plot(), "each step").get_ydata()
    np.testing.assert_allclose(shown[:20], clean.losses[:20] + batches.mean(), atol=0.05)


def test_a_figure_that_is_let_go_is_gone():
    figure = new_figure(RESULT.view())
    seen = ref(figure)
    del figure
    gc.collect()
    assert seen() is None


def test_a_name_is_no_formula():
    figure = new_figure(RESULT.view(name=r"cost $\bad$"))
    figure.savefig(BytesIO())
