import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from lr_finder import Curve, NoSuggestionError, RangeTest, RangeTestResult, StopReason, Suggestion, Sweep, search
from lr_finder.curve.probe import Probe, suggestion_from_probes


class Bowl:
    """Gradient descent on a bowl with curvatures from 0.01 to 10, from the same start every time; best at about 0.2."""

    def __init__(self):
        self.curvatures = np.geomspace(0.01, 10, 50)
        self.sweeps = []
        self.weights = np.ones(50)

    def ramp(self, sweep, validate=None):
        self.sweeps.append(sweep)
        test = RangeTest.over(sweep, validate=validate)
        self.weights = np.ones(50)
        for lr in test:
            loss = self.loss()
            self.weights = self.weights - lr * self.curvatures * self.weights
            test.record(loss)
        return test.curve

    def loss(self):
        return float((self.curvatures * self.weights**2).mean())

    @property
    def probes(self):
        """The rates and lengths of the short trainings that were made."""
        return [(sweep.start_lr, sweep.num_it) for sweep in self.sweeps if sweep.shape == "constant"]


def test_probes_lie_around_the_suggestion_and_all_start_from_the_same_loss():
    bowl = Bowl()
    curve = RangeTestResult(search(bowl.ramp).curve, 0)
    result = search(bowl.ramp, probes=3, probe_steps=20)
    rates = [lr for lr, _ in bowl.probes]
    assert np.allclose(np.diff(np.log10(rates)), 0.5)
    assert rates[0] < curve.suggestion.lr < rates[-1]
    assert {probe.losses[0] for probe in result.probes} == {result.losses[0]}
    assert [probe.rank for probe in result.probes] == [1, 2, 3]


def misleading(bowl, factor):
    """A ramp whose curves show every rate `factor` times too high; short trainings are as they should be."""

    def ramp(sweep):
        curve = bowl.ramp(sweep)
        if sweep.shape == "constant":
            return curve
        return Curve(curve.lrs * factor, curve.losses, None, curve.stop_reason)

    return ramp


def test_they_correct_a_curve_that_suggests_too_little():
    ramp = misleading(Bowl(), 0.1)
    without, with_probes = search(ramp).suggestion, search(ramp, probes=5, probe_steps=128).suggestion
    assert with_probes.lr > 2 * without.lr
    assert with_probes.rule == "probes"
    assert "took the training loss down most" in with_probes.reason


def test_the_next_goes_beyond_the_edge_where_the_best_is_there():
    bowl = Bowl()
    search(misleading(bowl, 0.05), probes=4, probe_steps=20)
    *spread, last = [lr for lr, _ in bowl.probes]
    assert last == pytest.approx(max(spread) * 10**0.5)
    bowl.sweeps.clear()
    search(misleading(bowl, 30), probes=4, probe_steps=20)
    *spread, last = [lr for lr, _ in bowl.probes]
    assert last == pytest.approx(min(spread) / 10**0.5)


def test_the_next_goes_between_the_best_and_its_better_neighbour():
    bowl = Bowl()
    result = search(misleading(bowl, 2), probes=5, probe_steps=60)
    *tried, last = [lr for lr, _ in bowl.probes]
    falls = {probe.lr: probe.fall for probe in result.probes}
    best, better = sorted(tried, key=lambda lr: -falls[lr])[:2]
    assert last == pytest.approx(np.sqrt(best * better))


def test_however_many_are_asked_for_it_comes_to_an_end():
    """At some point there is no number left between the best rate and its neighbour."""
    result = search(Bowl().ramp, probes=80, probe_steps=8)
    assert 20 < len(result.probes) <= 80


def test_the_longer_the_probes_the_nearer_is_the_suggestion_to_those_that_did_well():
    curve = Suggestion(1.0, 0.25, 5.0, "basin", "high", "Seen. Confidence is high: clear.")
    moved = []
    for steps in (32, 128, 384):
        falls = {0.01: 1.0, 0.1: 1.0, 1.0: 0.0}
        fell = [Probe(lr, np.linspace(2, 1, steps), None, fall, 1) for lr, fall in falls.items()]
        moved.append(-np.log10(suggestion_from_probes(tuple(fell), curve).lr))
    # The two that did best have their middle at 10**-1.5, and the third weighs little.
    assert np.allclose(moved, [1.5 * 0.2, 1.5 * 0.5, 1.5 * 0.75], rtol=0.02)


@pytest.mark.parametrize("budget", [50, 120, 299, 1000])
def test_a_budget_is_kept(budget):
    bowl = Bowl()
    said = []
    result = search(bowl.ramp, probes=5, budget=budget, plan=lambda steps, why: said.append((steps, why)))
    spent = sum(len(probe.losses) for probe in result.probes)
    made = sum(steps for _, steps in bowl.probes)
    assert spent <= made <= budget
    assert f"at most {made} steps" in said[-1][1]
    assert result.steps_taken <= said[-1][0]


def test_a_validation_loss_judges_where_there_is_one():
    """Validated on another bowl, on which training at any rate goes wrong."""
    bowl = Bowl()
    result = search(bowl.ramp, probes=3, validate=lambda: -bowl.loss())
    assert all(probe.fall < 0 for probe in result.probes)
    assert result.suggestion.confidence == "low"
    assert "none took the validation loss down" in result.suggestion.reason
    agreed = search(bowl.ramp, probes=3, validate=bowl.loss)
    assert "took the validation loss down most" in agreed.suggestion.reason
    assert agreed.probes[0].validation_loss == min(probe.validation_loss for probe in agreed.probes)


def test_a_probe_that_runs_away_comes_last():
    result = search(misleading(Bowl(), 5), probes=3)
    steepest = max(result.probes, key=lambda probe: probe.lr)
    assert (steepest.fall, steepest.rank) == (-np.inf, 3)
    assert result.suggestion.lr < RangeTestResult(result.curve, 0).suggestion.lr


def test_a_probe_that_runs_away_below_the_best_one_leaves_doubt():
    ran_away = Probe(1e-3, np.array([2.0, 9.0]), None, -np.inf, 3)
    fell = [
        Probe(lr, np.linspace(2, 2 - fall, 20), None, fall, rank) for lr, fall, rank in ((1e-2, 1, 1), (3e-3, 0.9, 2))
    ]
    suggestion = suggestion_from_probes(
        (*fell, ran_away), Suggestion(1e-2, 3e-3, 3e-2, "basin", "high", "Seen. Confidence is high: clear.")
    )
    assert 3e-3 < suggestion.lr < 1e-2
    assert suggestion.confidence == "low"
    assert "ran away at 0.001, but not at a higher rate" in suggestion.reason


def test_where_every_probe_runs_away_there_is_no_suggestion():
    result = search(misleading(Bowl(), 30), probes=3)
    with pytest.raises(NoSuggestionError, match=r"the training loss ran away at each of 3 rates from 0\.\d+ to \d"):
        _ = result.suggestion


def test_the_interval_moves_with_the_suggestion():
    curve = Suggestion(1.0, 0.25, 5.0, "basin", "high", "Seen. Confidence is high: the fall is clear.")
    moved = suggestion_from_probes((Probe(0.01, np.linspace(2, 1, 128), None, 1.0, 1),), curve)
    assert (moved.low, moved.lr, moved.high) == (pytest.approx(0.025), pytest.approx(0.1), pytest.approx(0.5))


def test_a_fall_of_rounding_errors_is_none():
    curve = Suggestion(1.0, 0.25, 5.0, "basin", "high", "Seen. Confidence is high: the fall is clear.")
    probes = tuple(Probe(lr, np.ones(40), None, 1e-17, rank) for rank, lr in enumerate((0.1, 1.0), 1))
    assert (suggestion_from_probes(probes, curve).lr, suggestion_from_probes(probes, curve).confidence) == (1.0, "low")


def test_a_fall_of_the_validation_loss_is_not_measured_against_the_training_loss():
    probe = Probe(0.1, np.full(8, 1e7), validation_loss=0.11, fall=0.89, rank=1)
    assert repr(probe) == "Probe(0.1: the validation loss fell by 0.89 to 0.11, 8 steps, rank 1)"
    suggestion = suggestion_from_probes((probe,), RangeTestResult(search(Bowl().ramp).curve, 0).suggestion)
    assert "took the validation loss down most" in suggestion.reason


def test_the_suggestion_stays_below_a_rate_at_which_the_loss_ran_away():
    curve = Suggestion(1.0, 0.25, 5.0, "basin", "high", "Seen. Confidence is high: the fall is clear.")
    best = Probe(0.01, np.linspace(2, 1, 8), None, 1.0, 1)
    ran_away = Probe(0.1, np.array([2.0, np.inf]), None, -np.inf, 2)
    assert suggestion_from_probes((best,), curve).lr > 0.5
    assert suggestion_from_probes((best, ran_away), curve).lr == pytest.approx(np.sqrt(0.01 * 0.1))


def test_a_training_that_ran_up_and_came_back_has_not_fallen_by_that():
    def ramp(sweep):
        if sweep.shape != "constant":
            return Bowl().ramp(sweep)
        test = RangeTest.over(replace(sweep, stop_div=False))
        for lr in test:
            test.record(1.0 if test.steps_taken < 8 or lr < 0.1 else 1e9 * 0.5**test.steps_taken)
        return test.curve

    probes = search(ramp, probes=3, probe_steps=16).probes
    assert all(probe.fall <= 1.0 for probe in probes)


def test_the_highest_rate_tried_is_told_where_it_is_the_best():
    result = search(misleading(Bowl(), 0.05), probes=2)
    assert result.probes[0].lr == max(probe.lr for probe in result.probes)
    assert result.suggestion.confidence == "medium"
    assert result.suggestion.reason.endswith("the highest rate tried did best, and a better one may lie beyond.")


@pytest.mark.parametrize("kind", [list, np.array], ids=["lists", "arrays"])
def test_bounds_for_each_group_give_the_probes_the_same_groups(kind):
    bowl = Bowl()
    groups = []

    def ramp(sweep):
        groups.append(sweep.group_lrs([0.01, 0.1])[0])
        lrs = sweep.lrs
        curve = bowl.ramp(Sweep.at(lrs[0], sweep.num_it) if sweep.shape == "constant" else Sweep(lrs[0], lrs[-1], 100))
        return Curve(curve.lrs, curve.losses, sweep.group_lrs([0.01, 0.1])[: len(curve)], curve.stop_reason)

    result = search(ramp, start_lr=kind([1e-4, 1e-5]), end_lr=kind([10, 1]), num_it=100, probes=3)
    assert len(groups) == 4
    for (first, second), lr in zip(groups[1:], sorted(probe.lr for probe in result.probes), strict=True):
        assert (first, second) == (pytest.approx(lr), pytest.approx(lr / 10))


def test_data_that_end_in_a_probe_end_all_of_them_alike():
    bowl = Bowl()

    def ramp(sweep):
        curve = bowl.ramp(sweep)
        if sweep.shape == "exponential":
            return curve
        return Curve(curve.lrs[:30], curve.losses[:30], None, StopReason.DATA_ENDED)

    result = search(ramp, probes=3)
    assert "took the training loss down most" in result.suggestion.reason
    assert all(np.isfinite(probe.fall) for probe in result.probes)


def test_a_validation_loss_that_is_not_finite_before_training_is_refused():
    with pytest.raises(ValueError, match="validate must return a finite loss before any training, got nan"):
        search(Bowl().ramp, probes=3, validate=lambda: np.nan)


def test_a_ramp_that_takes_no_validate_is_told_how_before_any_step():
    bowl = Bowl()
    with pytest.raises(TypeError, match=r"validate needs a ramp that takes it beside the sweep.*got ramp\(sweep\)"):
        search(lambda sweep: bowl.ramp(sweep), probes=3, validate=bowl.loss)
    assert not bowl.sweeps


@pytest.mark.parametrize("wrong", [None, {"loss": 1.0}, np.ones(3)], ids=["None", "dictionary", "three numbers"])
def test_a_validation_that_gives_no_number_is_named(wrong):
    with pytest.raises(TypeError, match="validate must return a loss, one number, got"):
        search(Bowl().ramp, probes=3, validate=lambda: wrong)


def test_without_a_suggestion_nothing_is_tried():
    sweeps = []

    def ramp(sweep):
        sweeps.append(sweep)
        return Curve(sweep.lrs, np.ones(sweep.num_it), stop_reason=StopReason.COMPLETED)

    assert search(ramp, probes=3).probes == ()
    assert len(sweeps) == 1


def test_a_probe_that_fails_leaves_what_the_curve_says():
    bowl = Bowl()

    def failing(sweep):
        if sweep.shape == "constant":
            raise ArithmeticError("in a probe")
        return bowl.ramp(sweep)

    with pytest.raises(ArithmeticError) as raised:
        search(failing, probes=3)
    assert raised.value.partial_result.suggestion.lr == search(bowl.ramp).suggestion.lr


def test_probes_are_saved_and_loaded(tmp_path):
    result = search(Bowl().ramp, probes=3, probe_steps=400)
    result.save(tmp_path / "lr.json")
    loaded = RangeTestResult.load(tmp_path / "lr.json")
    assert str(loaded.suggestion) == str(result.suggestion)
    assert [probe.fall for probe in loaded.probes] == [probe.fall for probe in result.probes]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"probes": 1}, ValueError, "probes must be at least 2, got 1"),
        ({"probes": -3}, ValueError, "probes must be at least 2, got -3"),
        ({"probes": 2.5}, TypeError, "probes must be a whole number"),
        ({"probes": 3, "probe_steps": 2}, ValueError, "probe_steps must be at least 8, got 2"),
        ({"probes": 3, "budget": 20}, ValueError, "budget must be at least 24 for 3 probes, got 20"),
        ({"probes": 3, "validate": 0.5}, TypeError, "validate must be a function"),
        ({"probes": 3, "budget": 24, "validate": min}, ValueError, "budget must be at least 25 for 3 probes, got 24"),
        ({"budget": 100}, ValueError, "budget goes with probes"),
        ({"probe_steps": 50}, ValueError, "probe_steps goes with probes"),
        ({"max_it": 300, "end_lr": 1.0}, ValueError, "max_it has no effect with start_lr or end_lr"),
        ({"validate": min}, ValueError, "validate goes with probes"),
        ({"max_it": 50}, ValueError, r"max_it must be at least num_it \(100\), got 50"),
        ({"max_it": 1e3}, TypeError, "max_it must be a whole number"),
    ],
)
def test_bad_arguments_are_refused_before_any_step(arguments, error, message):
    bowl = Bowl()
    with pytest.raises(error, match=message):
        search(bowl.ramp, **arguments)
    assert bowl.sweeps == []


def test_a_pool_trains_at_the_first_rates_at_once_and_changes_nothing():
    """Each of them waits until all have begun."""
    all_have_begun = threading.Barrier(4, timeout=60)

    def ramp(sweep, validate=None):
        bowl = Bowl()
        return bowl.ramp(sweep, validate and bowl.loss)

    def waiting_ramp(sweep, validate=None):
        if threading.current_thread() is not threading.main_thread():
            all_have_begun.wait()
        return ramp(sweep, validate)

    with ThreadPoolExecutor() as pool:
        result = search(waiting_ramp, probes=5, validate=lambda: 0, pool=pool)
    assert result == search(ramp, probes=5, validate=lambda: 0)


def test_a_pool_without_probes_is_refused():
    with (
        pytest.raises(ValueError, match="pool goes with probes and has no effect without"),
        ThreadPoolExecutor() as pool,
    ):
        search(Bowl().ramp, pool=pool)
