"""Searches by group, on bowls whose curvatures say what each group bears: it descends below a rate of 2 / curvature."""

import numpy as np
import pytest

from lr_finder import Curve, NoSuggestionError, RangeTest, RangeTestResult, search
from lr_finder.curve.training import Training, optimizer_names


class Bowls:
    """Noisy gradient descent on a bowl for each parameter group, all equally high where they start every time.

    Args:
        sharpest: The largest curvature of each group's bowl; 0 for a group that the loss does not depend on.
        usual: The groups' rates before the search.
        optimizers: The name of each group's optimizer.
    """

    def __init__(self, sharpest, usual, optimizers=()):
        self.curvatures = np.outer(sharpest, np.geomspace(0.01, 1, 50))
        self.start = 1 / np.sqrt(np.maximum(self.curvatures[:, -1:], 1e-9))
        self.usual = usual
        self.optimizers = optimizers
        self.curves = []

    def ramp(self, sweep, validate=None):
        training = Training(optimizers=self.optimizers)
        test = RangeTest.over(sweep, current_lrs=self.usual, training=training, momentum=0, validate=validate)
        weights, noise = self.start * np.ones(50), np.random.default_rng(0)
        for _ in test:
            group_lrs = test.group_lrs
            test.record(float((self.curvatures * weights**2).mean(1).sum()) * (1 + 0.02 * noise.normal()))
            with np.errstate(over="ignore", invalid="ignore"):
                weights -= group_lrs[:, None] * self.curvatures * weights
        self.curves.append(test.curve)
        return test.curve

    def climbing(self):
        """For each ramp after the first look which groups climbed."""
        return [tuple(curve.group_lrs[-1] > curve.group_lrs[0]) for curve in self.curves[1:]]


def rates(result):
    return np.array([suggestion.lr for suggestion in result.group_suggestions])


@pytest.mark.parametrize("usual", [(1, 1), (1e-3, 1), (1, 1e-4)], ids=str)
def test_each_group_gets_what_it_bears_whatever_the_ratio_before(usual):
    bowls = Bowls([3.0, 3e3], usual, ("Muon", "AdamW"))
    found = rates(search(bowls.ramp, by_group=True))
    assert np.all(found < 2 / np.array([3.0, 3e3]))
    assert np.all(found > 2 / np.array([3.0, 3e3]) / 30)
    assert 500 < found[0] / found[1] < 2000


def test_otherwise_the_one_suggestion_is_told_in_the_ratio_of_the_groups():
    result = search(Bowls([3.0, 3e3], (1e-3, 1)).ramp)
    assert rates(result) == pytest.approx([result.suggestion.lr / 1000, result.suggestion.lr])
    first, second = result.group_suggestions
    assert (first.high / first.low, first.confidence) == (pytest.approx(second.high / second.low), second.confidence)


def test_all_that_was_measured_counts():
    bowls = Bowls([3.0, 3e3], (1, 1), ("Muon", "AdamW"))
    result = search(bowls.ramp, by_group=True)
    assert result.steps_taken == sum(map(len, bowls.curves))
    assert dict.fromkeys(bowls.climbing()) == dict.fromkeys([(True, False), (False, True), (True, True)])


def test_what_is_planned_is_told_before_it_is_taken():
    said = []
    result = search(Bowls([3.0, 3e3], (1, 2)).ramp, by_group=True, plan=lambda steps, why: said.append(steps))
    assert said[0] >= 100 + 2 * 200
    assert result.steps_taken <= said[-1]


def test_a_group_alone_is_searched_for_quickly():
    bowls = Bowls([3.0, 3e3], (1, 1), ("Muon", "AdamW"))
    search(bowls.ramp, by_group=True, num_it=300)
    alone = [len(curve) for curve, groups in zip(bowls.curves[1:], bowls.climbing(), strict=True) if not all(groups)]
    assert sum(alone) <= 2 * 100
    assert sum(map(len, bowls.curves)) > 300


def test_groups_of_one_optimizer_with_the_same_rate_are_one():
    names = ("AdamW", "AdamW", "Muon")
    bowls = Bowls([3.0, 0.3, 3e3], (1e-3, 1e-3, 1e-3), names)
    found = rates(search(bowls.ramp, by_group=True))
    assert found[0] == found[1] > 100 * found[2]
    assert set(bowls.climbing()) == {(True, True, False), (False, False, True), (True, True, True)}


def test_a_search_that_ends_while_a_group_is_alone_tells_no_rate_of_the_others():
    bowls = Bowls([3.0, 3e3], (1, 1), ("Muon", "AdamW"))

    def ramp(sweep):
        if len(bowls.climbing()) == 2:
            raise KeyboardInterrupt
        return bowls.ramp(sweep)

    with pytest.raises(KeyboardInterrupt) as caught:
        search(ramp, by_group=True)
    result = caught.value.partial_result
    assert rates(result)[1] == 0
    assert "AdamW none, as it stood still" in result.explain()
    assert "AdamW none, as it stood still" in repr(result)


def test_a_group_whose_rate_is_0_stays_so():
    bowls = Bowls([3.0, 3e3, 3e6], (1e-3, 1, 0))
    found = rates(search(bowls.ramp, by_group=True))
    assert found[2] == 0 < found[1] < found[0]


def test_a_group_that_moves_nothing_alone_is_searched_for_with_the_others_at_their_rates():
    """As a matrix of a low-rank adapter, whose gradient is 0 while the other is 0."""

    def ramp(sweep):
        test = RangeTest.over(sweep, current_lrs=(1e-2, 1e-3), momentum=0)
        curvatures = np.geomspace(0.1, 10, 20)
        down, up, noise = np.ones(20), np.zeros(20), np.random.default_rng(0)
        for _ in test:
            group_lrs = test.group_lrs
            missing = 1 - 100 * down * up
            test.record(float((curvatures * missing**2).mean()) * (1 + 0.02 * noise.normal()))
            with np.errstate(over="ignore", invalid="ignore"):
                slope = -100 * curvatures * missing
                down, up = down - group_lrs[0] * slope * up, up - group_lrs[1] * slope * down
        curves.append(test.curve)
        return test.curve

    curves = []
    result = search(ramp, by_group=True)
    assert "told none" not in result.explain()
    held = {tuple(curve.group_lrs[0] == curve.group_lrs[-1]): curve for curve in curves[1:]}
    assert held[False, True].group_lrs[0, 1] > 0
    assert rates(result)[1] < 2 / (100**2 * 10)  # the curvature of the one that starts at 0


def test_a_group_that_tells_nothing_keeps_its_ratio():
    bowls = Bowls([3.0, 3e3, 0.0], (1e-2, 1e-1, 1))
    result = search(bowls.ramp, by_group=True)
    first, second, third = rates(result)
    assert third == pytest.approx(np.sqrt(first / 1e-2 * second / 1e-1))
    assert "Those that told none keep their ratios to the others." in result.explain()


def test_where_none_tells_a_rate_all_keep_their_ratios():
    bowls = Bowls([0.0, 0.0], (1, 1e-2))
    result = search(bowls.ramp, by_group=True)
    assert result.group_lrs[0] / result.lrs[0] == pytest.approx([1, 1e-2])
    assert "No parameter group alone told a rate" in result.explain()
    with pytest.raises(NoSuggestionError):
        _ = result.group_suggestions


def test_probes_keep_the_ratio_that_was_found():
    bowls = Bowls([3.0, 3e3], (1, 1), ("Muon", "AdamW"))
    result = search(bowls.ramp, by_group=True, probes=3)
    ratios = {round(lrs[0] / lrs[1], 6) for curve in bowls.curves[-3:] for lrs in curve.group_lrs}
    first, second = rates(result)
    assert ratios == {round(first / second, 6)}


def test_the_rates_are_told(tmp_path):
    result = search(Bowls([3.0, 3e3, 3e3], (1, 1, 1), ("Muon", "AdamW", "AdamW")).ramp, by_group=True)
    muon, adamw, _ = rates(result)
    told = f"Muon {muon:.2g}, AdamW {adamw:.2g}"
    assert f"{told};" in repr(result)
    assert f"{told}." in result.explain()
    assert "Each parameter group's rate was searched for alone" in result.explain()
    result.save(tmp_path / "lr.json")
    loaded = RangeTestResult.load(tmp_path / "lr.json")
    assert (loaded.group_suggestions, repr(loaded)) == (result.group_suggestions, repr(result))


def test_where_all_groups_have_one_rate_nothing_is_told_of_groups():
    result = search(Bowls([3.0, 3e3], (1, 1)).ramp)
    assert "group" not in result.explain() + repr(result)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ValueError, "by_group=True needs parameter groups that differ in their rates"),
        ({"start_lr": 1e-5}, ValueError, "by_group finds the range of each group and goes without start_lr and end_lr"),
        ({"by_group": "yes"}, TypeError, "by_group must be True, False or None, got 'yes'"),
    ],
)
def test_a_search_by_group_that_cannot_be_is_refused(options, error, message):
    bowls = Bowls([3.0, 3e3], (1, 1))
    with pytest.raises(error, match=message):
        search(bowls.ramp, **({"by_group": True} | options))
    assert sum(map(len, bowls.curves)) <= 1


def test_a_curve_has_the_name_of_an_optimizer_for_each_of_its_groups():
    with pytest.raises(ValueError, match="optimizers must be 1 names or none, got 2"):
        Curve([1.0], [1.0], training=Training(optimizers=("Muon", "AdamW")))


class Muon:
    param_groups = ({}, {})


class AdamW:
    param_groups = ({},)


def test_several_optimizers_of_a_class_are_numbered():
    assert optimizer_names([Muon()]) == ()
    assert optimizer_names([Muon(), AdamW()]) == ("Muon", "Muon", "AdamW")
    assert optimizer_names([AdamW(), Muon(), AdamW()]) == ("AdamW 1", "Muon", "Muon", "AdamW 2")
