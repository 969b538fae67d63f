"""The training to come: what a search is told of it, what it knows, and what a result makes of both."""

import numpy as np
import pytest

from curves import valley_curve
from lr_finder import Curve, RangeTestResult, search
from lr_finder.curve.horizon import Horizon
from lr_finder.curve.schedule import LAWS
from lr_finder.curve.training import Training


def ramp_that_knows(horizon=None):
    """A ramp over a valley, of a training that may know its horizon."""

    def ramp(sweep):
        lrs = sweep.lrs
        losses = 2 - 1.5 * np.exp(-(np.log10(lrs / 0.01) ** 2)) + np.where(lrs > 0.1, (lrs / 0.1) ** 2 - 1, 0)
        return Curve(lrs, losses, training=Training("AdamW", horizon=horizon), momentum=0.9)

    return ramp


@pytest.mark.parametrize(
    ("known", "given", "horizon"),
    [
        (None, {}, Horizon()),
        (None, {"total_steps": 5000}, Horizon("constant", 5000)),
        (None, {"schedule": "cosine"}, Horizon("cosine")),
        (Horizon("linear", 800), {}, Horizon("linear", 800)),
        (Horizon("linear", 800), {"total_steps": 5000}, Horizon("linear", 5000)),
        (Horizon("linear", 800), {"schedule": "constant"}, Horizon("constant", 800)),
        (Horizon("linear", 800), {"schedule": "wsd", "total_steps": 9}, Horizon("wsd", 9)),
    ],
)
@pytest.mark.parametrize("plan", [{}, {"start_lr": 1e-5, "end_lr": 1}, {"probes": 2}])
def test_what_is_given_comes_before_what_the_training_knows(known, given, horizon, plan):
    result = search(ramp_that_knows(known), **given, **plan)
    assert result.horizon == horizon
    factor = LAWS[horizon.kind].factor(horizon.total_steps or 200)
    assert result.suggestion.lr == pytest.approx(factor * result.measured_suggestion.lr)


def test_the_search_itself_is_the_same_whatever_is_to_come():
    plain, told = (search(ramp_that_knows(), probes=3, **given) for given in ({}, {"total_steps": 10**6}))
    assert told.measured_suggestion == plain.measured_suggestion == plain.suggestion
    assert [probe.lr for probe in told.probes] == [probe.lr for probe in plain.probes]
    assert told != plain


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"total_steps": 0}, ValueError, "total_steps must be at least 1, got 0"),
        ({"total_steps": "long"}, TypeError, "total_steps must be a whole number, got 'long'"),
        ({"schedule": "step"}, ValueError, "schedule must be one of constant, cosine, .*, got 'step'"),
    ],
)
def test_a_training_that_cannot_be_is_refused_before_any_step(given, error, message):
    with pytest.raises(error, match=message):
        search(lambda sweep: pytest.fail("a step was taken"), **given)


def test_a_saved_result_keeps_the_training_that_it_is_for(tmp_path):
    training = Training("SGD", ({"lr": 0.1},), horizon=Horizon("linear", 800))
    curve = valley_curve()
    curve = Curve(curve.lrs, curve.losses, momentum=0.9, training=training)
    result = RangeTestResult(curve, steps_taken=230, horizon=Horizon("cosine", 5000))
    result.save(tmp_path / "lr.json")
    loaded = RangeTestResult.load(tmp_path / "lr.json")
    assert loaded == result
    assert loaded.horizon == Horizon("cosine", 5000)
    assert loaded.curve.training == training
    assert loaded.suggestion == result.suggestion


def test_the_explanation_says_for_which_training_the_rate_is():
    short = RangeTestResult(valley_curve(), steps_taken=230)
    long = RangeTestResult(valley_curve(), steps_taken=230, horizon=Horizon("cosine", 50_000))
    assert "This is for some hundred steps at a constant rate" in short.explain()
    assert "This is the peak of a cosine over 50,000 steps" in long.explain()
    assert f"at a constant rate would be {short.suggestion.lr:.2g}." in long.explain()
    assert long.explain().startswith(f"Start training with {long.suggestion.lr:.2g}.")


def test_the_explanation_tells_what_weight_decay_means_at_the_rate():
    curve = valley_curve()
    decayed = Training("AdamW", ({"lr": 1e-3, "weight_decay": 0.1},))
    result = RangeTestResult(Curve(curve.lrs, curve.losses, momentum=0.9, training=decayed), steps_taken=230)
    assert f"forgets over {float(f'{10 / result.suggestion.lr:.2g}'):,.0f} steps" in result.explain()
    assert "forgets" not in RangeTestResult(curve, steps_taken=230).explain()
