import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curves import valley_curve
from lr_finder import Curve, NoSuggestionError, StopReason
from lr_finder.curve.reading import Reading
from lr_finder.curve.rules import RULES, find_rule
from lr_finder.curve.smoothing import smooth

every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)

LOWEST = valley_curve(20_001).lrs[np.argmin(valley_curve(20_001).losses)]


@every_rule
def test_a_suggestion_says_what_it_is(rule):
    suggestion = rule(valley_curve())
    assert suggestion.rule == rule.__name__
    assert float(suggestion) == suggestion.lr
    assert suggestion.low < suggestion.lr < suggestion.high
    assert suggestion.confidence in ("high", "medium", "low")
    assert suggestion.reason.startswith("The loss fell from 2.3 to ")


@every_rule
@given(scale=st.sampled_from([2.0**k for k in range(-20, 21, 4)]), offset=st.sampled_from([-64.0, -2.25, 0.0, 1024.0]))
def test_shifting_or_scaling_the_losses_changes_no_suggestion(rule, scale, offset):
    curve = valley_curve(noise=0.01)
    moved = Curve(curve.lrs, scale * (curve.losses + offset), stop_reason=curve.stop_reason)
    assert rule(moved).lr == pytest.approx(rule(curve).lr, rel=1e-6)


@every_rule
@pytest.mark.parametrize("steps", [100, 1000])
def test_the_number_of_steps_does_not_move_a_suggestion_far(rule, steps):
    pace_factor = 10**0.35 if rule.__name__ == "basin" else 10**0.2  # basin divides by a factor for the pace
    ratio = rule(valley_curve(steps)).lr / rule(valley_curve(300)).lr
    assert 1 / pace_factor < ratio < pace_factor


@every_rule
def test_every_suggestion_lies_below_the_lowest_point_and_within_the_fall(rule):
    assert 1e-4 < rule(valley_curve()).lr < LOWEST


def test_steepest_is_where_the_smoothed_curve_falls_fastest():
    curve = valley_curve(2001)
    slopes = np.gradient(smooth(curve.lrs, np.minimum(curve.losses, 4.3)), np.log10(curve.lrs))
    assert find_rule("steepest")(curve).lr == curve.lrs[np.argmin(slopes)] == pytest.approx(1e-3, rel=0.1)


def test_min_div10_is_a_tenth_of_the_lowest_point():
    assert find_rule("min_div10")(valley_curve(2001)).lr == pytest.approx(LOWEST / 10, rel=0.2)


def test_an_unknown_rule_is_named_with_those_that_exist():
    with pytest.raises(ValueError, match="rule must be one of basin, steepest, min_div10, valley, slide, got 'best'"):
        find_rule("best")


def curve_of(losses, reason=StopReason.COMPLETED):
    return Curve(np.geomspace(1e-6, 10, len(losses)), losses, stop_reason=reason)


HOPELESS = {
    "constant": (curve_of([0.7] * 100), "stayed at 0.7 whatever the rate"),
    "constant, then NaN": (curve_of([0.7] * 90 + [np.nan] * 10), "stayed at 0.7 up to a rate of .*, and was no longer"),
    "only rises": (curve_of(np.geomspace(1, 100, 100), StopReason.DIVERGED), "never fell clearly"),
    "falls at every rate": (curve_of(np.linspace(2, 1, 100)), "still falling at the last rate"),
    "NaN at once": (curve_of([math.nan], StopReason.NOT_FINITE), "was nan at the first step"),
    "infinite at once": (curve_of([math.inf], StopReason.NOT_FINITE), "was inf at the first step"),
    "too short": (curve_of([3.0, 2.0, 1.0, math.nan], StopReason.NOT_FINITE), "3 of 4 losses were finite"),
    "empty": (Curve([], [], stop_reason=StopReason.DATA_ENDED), "0 of 0 losses were finite"),
}


@every_rule
@pytest.mark.parametrize(("curve", "seen"), HOPELESS.values(), ids=HOPELESS)
def test_there_is_no_number_where_the_curve_tells_none(rule, curve, seen):
    with pytest.raises(NoSuggestionError, match=seen):
        rule(curve)


REMEDIES = {
    "constant": (curve_of([0.7] * 100), "search up to higher rates, end_lr=1e+03"),
    "only rises": (
        curve_of(np.geomspace(1, 100, 100), StopReason.DIVERGED),
        "where the loss only rose, search from low",
    ),
    "falls at every rate": (curve_of(np.linspace(2, 1, 100)), "^Search up to higher rates, end_lr=1e+03.$"),
    "falls by less than its noise": (curve_of(np.tile([2, 1.9], 50) - np.geomspace(1e-9, 0.01, 100)), "or num_it=300"),
    "NaN at once": (curve_of([math.nan]), "^Check the data, the loss function and the initial weights"),
    "NaN at a low rate": (Curve([1e-7, 2e-7], [2, math.nan], stop_reason=StopReason.NOT_FINITE), "float32"),
    "NaN at a high rate": (Curve([1e-2, 2e-1], [2, math.nan], stop_reason=StopReason.NOT_FINITE), "start_lr=1e-04"),
    "no data": (Curve([], [], stop_reason=StopReason.DATA_ENDED), "^The data ended: give a loader that can start over"),
    "data that end while the loss falls": (curve_of(np.linspace(2, 1, 20), StopReason.DATA_ENDED), "^The data ended: "),
    "data that end before it falls": (curve_of(np.tile([2, 1.9], 9), StopReason.DATA_ENDED), "^The data ended: "),
    "interrupted": (curve_of([3.0, 2.0], StopReason.INTERRUPTED), "^Let the search run on.$"),
    "too few steps": (curve_of([3.0, 2.0]), "^Take more steps, num_it=120 for example.$"),
}


@pytest.mark.parametrize(("curve", "remedy"), REMEDIES.values(), ids=REMEDIES)
def test_where_there_is_no_number_it_is_said_what_to_do_next(curve, remedy):
    with pytest.raises(NoSuggestionError) as caught:
        find_rule("basin")(curve)
    assert re.search(remedy.replace("+", r"\+"), caught.value.remedy)
    assert str(caught.value) == f"{caught.value.seen} {caught.value.remedy}"


@every_rule
@given(st.integers(0, 2**32 - 1), st.sampled_from([20, 60, 100, 300]), st.floats(-10, 10))
def test_noise_alone_gets_no_number(rule, seed, steps, level):
    with pytest.raises(NoSuggestionError):
        rule(curve_of(level + np.random.default_rng(seed).normal(size=steps)))


@given(st.integers(0, 2**32 - 1))
def test_noise_on_the_losses_moves_the_default_little(seed):
    clean, noisy = (find_rule("basin")(curve).lr for curve in (valley_curve(), valley_curve(noise=0.1, seed=seed)))
    assert abs(np.log10(noisy / clean)) < 0.3


def test_the_default_rate_is_lower_the_more_steps_the_momentum_averages_over():
    curve = valley_curve(100)
    rates = [find_rule("basin")(replace(curve, momentum=momentum)).lr for momentum in (0.0, 0.5, 0.9, 0.99)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] / rates[2] == pytest.approx(10 ** (1 / 3))
    assert find_rule("basin")(curve).lr == rates[2]  # one that is not known counts as 0.9


def wide_basin(highest, reason):
    """A loss that falls around 1e-3 and then stays about as low, lowest at 2e-2."""
    lrs = np.geomspace(1e-6, 10, 400)
    decades = np.log10(lrs)
    losses = 2.3 - 2.0 / (1 + 10 ** (-2.5 * (decades + 3))) + 0.01 * np.abs(decades + 2)
    return Curve(lrs[lrs <= highest], losses[lrs <= highest], stop_reason=reason)


def test_a_wide_basin_counts_as_far_as_the_loss_ran_away_above_its_lowest_point():
    soon, late = (wide_basin(highest, StopReason.DIVERGED) for highest in (0.04, 0.1))
    soon_lr, late_lr = (find_rule("basin")(curve).lr for curve in (soon, late))
    margins = Reading.of(late).divergence_margin / Reading.of(soon).divergence_margin
    assert late_lr / soon_lr == pytest.approx(margins, rel=0.1)
    never = [find_rule("basin")(wide_basin(highest, StopReason.COMPLETED)).lr for highest in (0.1, 1.0, 10.0)]
    assert never == pytest.approx([never[0]] * 3, rel=0.1)
    assert find_rule("basin")(wide_basin(10.0, StopReason.DIVERGED)).lr > 10 * never[0]


def test_a_sudden_end_is_seen_although_the_sweep_went_on():
    """With `stop_div=False` the losses after the explosion are in the curve too."""
    losses = np.concatenate([np.linspace(2, 0.1, 60), np.full(40, np.nan)])
    suggestion = find_rule("basin")(curve_of(losses))
    assert suggestion.confidence == "medium"
    assert "ran away right after its lowest point" in suggestion.reason
