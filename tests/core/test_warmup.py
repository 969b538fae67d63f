"""The warm-ups of a search: which is advised for a training whose needs are known, and what becomes of the advice."""

import json
from dataclasses import replace

import numpy as np
import pytest

from curves import valley_curve
from lr_finder import Curve, RangeTest, RangeTestResult, StopReason, search
from lr_finder.core.warmups import try_warmups
from lr_finder.curve.thresholds import WARMUP_STEPS, WARMUPS
from lr_finder.curve.warmup import Warmup


class Delicate:
    """Gets stuck where a rate is above what it can stand, which grows from step to step; else its loss falls."""

    def __init__(self, limit):
        self.limit = limit
        self.sweeps = []

    def ramp(self, sweep):
        self.sweeps.append(sweep)
        test = RangeTest.over(sweep)
        loss, is_stuck = 2.0, False
        for step, lr in enumerate(test):
            test.record(loss)
            is_stuck = is_stuck or lr > self.limit(step)
            loss *= 1.0 if is_stuck else 1 - 0.2 * lr
        return test.curve


@pytest.mark.parametrize(
    ("stands_all_from", "steps", "tried"),
    [(0, 0, (100, 0)), (8, 10, (100, 0, 10)), (25, 30, (100, 0, 10, 30)), (80, 100, (100, 0, 10, 30))],
)
def test_the_shortest_warm_up_is_advised_that_the_training_can_stand(stands_all_from, steps, tried):
    """At a peak of 0.1 the rate may grow evenly up to that step."""
    training = Delicate(lambda step: 0.1 * (step + 1) / max(stands_all_from, 1) + 1e-9)
    warmup = try_warmups(training.ramp, 0.1)
    assert warmup.steps == steps
    assert warmup.tried == tried
    assert not warmup.ran_away


def test_each_climbs_evenly_to_the_peak_and_stays_there():
    training = Delicate(lambda step: 0.0)
    try_warmups(training.ramp, 0.3)
    for sweep, steps in zip(training.sweeps, WARMUPS, strict=False):
        climbed = np.minimum(np.arange(1, WARMUP_STEPS + 1) / max(steps, 1), 1)
        np.testing.assert_allclose(sweep.lrs, 0.3 * climbed)


def test_where_the_loss_runs_away_even_so_a_lower_rate_is_advised():
    def ramp(sweep):
        return Curve(sweep.lrs[:20], np.arange(20.0), stop_reason=StopReason.DIVERGED)

    warmup = try_warmups(ramp, 0.3)
    assert warmup.ran_away
    assert warmup.tried == (100,)
    assert warmup.in_words.startswith("Start lower: in short trainings at 0.3 the loss ran away")
    customary, told = (RangeTestResult(valley_curve(), 300, warmup=tried) for tried in (None, warmup))
    assert told.schedule("cosine", 1000).warmup_steps == customary.schedule("cosine", 1000).warmup_steps


def test_where_the_data_end_before_they_tell_there_is_no_advice():
    def ramp(sweep):
        return Curve(sweep.lrs[:20], np.arange(20.0), stop_reason=StopReason.DATA_ENDED)

    assert try_warmups(ramp, 0.3) is None


class Bowl:
    """Gradient descent on a bowl with curvatures from 0.01 to 10, which needs no warm-up."""

    def __init__(self, groups=1):
        self.groups = [1.0] * groups
        self.sweeps = []

    def ramp(self, sweep):
        self.sweeps.append(sweep)
        curvatures, weights = np.geomspace(0.01, 10, 50), np.ones(50)
        test = RangeTest.over(sweep, current_lrs=self.groups)
        for lr in test:
            test.record(float((curvatures * weights**2).mean()))
            weights = weights - lr * curvatures * weights
        return test.curve


def test_a_search_tries_them_at_its_suggestion_and_counts_their_steps():
    bowl, said = Bowl(), []
    plain = search(bowl.ramp, total_steps=1000, schedule="cosine")
    assert plain.warmup is None
    told = search(bowl.ramp, warmup=True, total_steps=1000, schedule="cosine", plan=lambda *plan: said.append(plan))
    assert told.suggestion == plain.suggestion
    assert told.warmup.peak == told.suggestion.lr == bowl.sweeps[-1].lrs[-1]
    assert told.warmup.steps == 0
    assert told.steps_taken == plain.steps_taken + 2 * WARMUP_STEPS
    assert "warm up to" in said[-1][1]
    assert told.steps_taken <= said[-1][0]
    assert "It needs no warm-up" in told.explain()
    assert "found where to look and tried warm-ups." in told.explain()


def test_an_error_on_the_way_leaves_what_was_found_before():
    """And not a warm-up, although one may look like a ramp that tells a rate."""
    bowl = Bowl()

    def ramp(sweep):
        if sweep.shape == "constant":  # the second that is tried
            raise KeyboardInterrupt
        curve = bowl.ramp(sweep)
        if sweep.shape == "linear":
            curve = replace(valley_curve(WARMUP_STEPS), stop_reason=StopReason.COMPLETED)
        return curve

    plain = search(Bowl().ramp)
    with pytest.raises(KeyboardInterrupt) as caught:
        search(ramp, warmup=True)
    assert caught.value.partial_result.suggestion == plain.suggestion
    assert caught.value.partial_result.steps_taken == plain.steps_taken + WARMUP_STEPS


def test_where_the_data_end_that_is_noted():
    bowl = Bowl()

    def ramp(sweep):
        curve = bowl.ramp(sweep)
        return curve if sweep.shape == "exponential" else Curve(curve.lrs, curve.losses, None, StopReason.DATA_ENDED)

    result = search(ramp, warmup=True)
    assert result.warmup is None
    assert "The data ended before warm-ups could be compared." in result.explain()


def test_groups_with_bounds_of_their_own_warm_up_in_their_ratio():
    bowl = Bowl(groups=2)
    result = search(bowl.ramp, start_lr=[1e-4, 1e-3], end_lr=[1.0, 10.0], warmup=True)
    first, second = bowl.sweeps[-2].group_lrs(bowl.groups).T
    np.testing.assert_allclose(first, second / 10)
    assert second[-1] == pytest.approx(result.suggestion.lr)


def tried(steps, peak=1.0):
    """The outcome of a search that advises so many steps."""
    ends = [1.0 if warmup in (100, steps) else 2.0 for warmup in WARMUPS]
    return Warmup(peak, WARMUPS, np.outer(ends, np.ones(WARMUP_STEPS)))


@pytest.mark.parametrize(
    ("kind", "steps", "warmup_steps"),
    [("cosine", 0, 40), ("cosine", 100, 50), ("constant", 0, 0), ("constant", 30, 30), ("one_cycle", 30, 40)],
)
def test_a_schedule_warms_up_as_advised_where_that_is_longer_than_usual(kind, steps, warmup_steps):
    result = RangeTestResult(valley_curve(), 300)
    peak = result.schedule(kind, 100).lr
    schedule = RangeTestResult(valley_curve(), 300, warmup=tried(steps, peak)).schedule(kind, 100)
    assert schedule.warmup_steps == warmup_steps
    assert tried(steps, peak).in_words in schedule.advice


def test_to_another_peak_the_rate_climbs_as_fast_but_for_half_of_the_training_at_most():
    peak = RangeTestResult(valley_curve(), 300).schedule("cosine", 1000).lr
    result = RangeTestResult(valley_curve(), 300, warmup=tried(100, peak / 2))
    assert result.schedule("cosine", 1000).warmup_steps == 200
    assert "no room" not in result.schedule("cosine", 1000).advice
    short = result.schedule("cosine", 20)
    assert short.warmup_steps == 10
    assert short.advice.endswith("20 steps have no room for that: train for longer, or at a lower rate.")


def test_the_longest_is_advised_as_the_least():
    assert tried(100).in_words.startswith("Warm up for 100 steps at least")
    assert tried(10).in_words.startswith("Warm up for 10 steps:")


def test_it_is_saved_and_loaded_and_older_files_have_none(tmp_path):
    warmup = Warmup(0.5, (100, 0), np.array([[1.0, 0.5], [2.0, np.nan]]))
    result = RangeTestResult(valley_curve(), 300, warmup=warmup)
    path = tmp_path / "lr.json"
    result.save(path)
    assert RangeTestResult.load(path) == result
    assert RangeTestResult.load(path) != RangeTestResult(valley_curve(), 300)
    data = json.loads(path.read_text())
    assert data["warmup"]["steps"] == 100
    del data["warmup"]
    path.write_text(json.dumps(data))
    assert RangeTestResult.load(path).warmup is None


def test_a_wrong_value_is_refused_before_any_step():
    with pytest.raises(TypeError, match="warmup must be True or False, got 30"):
        search(lambda sweep: pytest.fail("a step was taken"), warmup=30)
