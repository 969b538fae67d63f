import math
from itertools import pairwise
from typing import get_args

import pytest

from curves import valley_curve
from lr_finder import RangeTestResult
from lr_finder.curve.horizon import AS_MEASURED, Horizon, ScheduleKind
from lr_finder.curve.schedule import for_horizon
from lr_finder.curve.suggestion import Suggestion
from lr_finder.curve.thresholds import SHORT_STEPS
from lr_finder.curve.training import Training

MEASURED = Suggestion(1e-2, 4e-3, 3e-2, "basin", "high", "Seen. Confidence is high: clear.")
ADAM, SGD, UNKNOWN = Training("AdamW"), Training("SGD"), None
KINDS = get_args(ScheduleKind)


def test_a_short_constant_training_gets_what_was_measured():
    assert for_horizon(MEASURED, AS_MEASURED, ADAM) is MEASURED
    short = for_horizon(MEASURED, Horizon("constant", SHORT_STEPS), ADAM)
    assert (short.lr, short.low, short.high) == pytest.approx((1e-2, 4e-3, 3e-2))


@pytest.mark.parametrize("training", [ADAM, SGD, UNKNOWN])
@pytest.mark.parametrize("kind", KINDS)
def test_the_longer_a_training_the_lower_its_rate_and_the_wider_the_interval(kind, training):
    rates = [for_horizon(MEASURED, Horizon(kind, steps), training) for steps in (200, 2000, 20_000, 200_000)]
    assert all(shorter.lr >= longer.lr for shorter, longer in pairwise(rates))
    widths = [math.log10(rate.high / rate.low) for rate in rates]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]
    assert all(rate.low < rate.lr < rate.high for rate in rates)


def test_the_rate_falls_with_the_square_root_of_a_long_training():
    long, longer = (for_horizon(MEASURED, Horizon("constant", steps), ADAM).lr for steps in (10**7, 10**9))
    assert long / longer == pytest.approx(10, rel=1e-2)


def test_a_heavy_momentum_bears_its_rate_for_less_long():
    horizon = Horizon("constant", 10_000)
    usual, heavy = (
        for_horizon(MEASURED, horizon, Training("SGD", ({"lr": 0.1, "momentum": momentum},))).lr
        for momentum in (0.9, 0.99)
    )
    assert heavy < usual / 3
    assert for_horizon(MEASURED, horizon, SGD).lr == usual


@pytest.mark.parametrize("training", [ADAM, SGD])
@pytest.mark.parametrize("kind", ["cosine", "linear", "wsd", "one_cycle", "inverse_sqrt"])
def test_the_peak_of_a_falling_rate_is_no_lower_than_a_constant_one_for_as_long(kind, training):
    for steps in (2000, 20_000, 200_000):
        peak, constant = (for_horizon(MEASURED, Horizon(name, steps), training).lr for name in (kind, "constant"))
        assert peak >= constant


@pytest.mark.parametrize(
    ("kind", "steps", "warmup_steps"),
    [
        ("cosine", 100, 40),
        ("cosine", 250, 100),
        ("wsd", 1000, 100),
        ("linear", 10_000, 500),
        ("one_cycle", 100, 40),
        ("one_cycle", 1000, 250),
        ("constant", 1000, 0),
    ],
)
def test_a_warm_up_is_a_share_of_the_steps_but_not_fewer_than_help(kind, steps, warmup_steps):
    assert RangeTestResult(valley_curve(), 230).schedule(kind, steps).warmup_steps == warmup_steps


@pytest.mark.parametrize("kind", KINDS)
def test_a_schedule_says_its_peak_its_interval_its_warm_up_and_how_sure_that_is(kind):
    result = RangeTestResult(valley_curve(), steps_taken=230)
    schedule = result.schedule(kind, 1000)
    assert float(schedule) == schedule.lr
    assert schedule.low < schedule.lr < schedule.high
    assert (schedule.warmup_steps == 0) == (kind == "constant")
    assert schedule.warmup_steps < 1000
    assert "over 1,000 steps" in schedule.advice
    assert "published ones" not in schedule.advice
    assert "published ones" in result.schedule(kind, 100_000).advice


def test_a_schedule_does_not_depend_on_the_training_that_the_suggestion_is_for():
    short = RangeTestResult(valley_curve(), steps_taken=230)
    long = RangeTestResult(valley_curve(), steps_taken=230, horizon=Horizon("constant", 50_000))
    assert long.suggestion.lr < short.suggestion.lr == long.measured_suggestion.lr
    assert long.schedule("cosine", 1000) == short.schedule("cosine", 1000)
    assert long.schedule("constant", 50_000).lr == pytest.approx(long.suggestion.lr)


@pytest.mark.parametrize(
    ("kind", "steps", "error", "message"),
    [
        ("step", 10, ValueError, "schedule must be one of constant, cosine, linear, wsd, one_cycle, inverse_sqrt, got"),
        ("cosine", 0, ValueError, "total_steps must be at least 1, got 0"),
        ("cosine", 1e3, TypeError, "total_steps must be a whole number"),
        ("cosine", True, TypeError, "total_steps must be a whole number"),
    ],
)
def test_bad_arguments_are_refused(kind, steps, error, message):
    with pytest.raises(error, match=message):
        RangeTestResult(valley_curve(), steps_taken=230).schedule(kind, steps)
