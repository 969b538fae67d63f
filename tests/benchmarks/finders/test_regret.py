import math

import numpy as np
import pytest
from benchmarks.finders.regret import noise_floor, regret_curve, score, standard_error, summarise
from benchmarks.finders.truth_file import Truth

RATES = (0.001, 0.01, 0.1, 1.0)


def truth(*losses: tuple[float, ...], initial: float = 4.0, constant: float = 3.0, case: str = "task-sgd") -> Truth:
    """One row of losses per seed, at `RATES`."""
    curves = {"constant": {seed: dict(zip(RATES, row, strict=True)) for seed, row in enumerate(losses)}}
    return Truth(case, "family", "sgd", 10, constant, {}, dict.fromkeys(range(len(losses)), initial), curves)


HAND_MADE = truth((4.0, 1.0, 2.0, math.inf), (4.0, 3.0, 2.0, 9.0))
"""Means 4, 2, 2, 4 against the initial loss 4; 3, 2, 2, 3 against the constant 3."""


def test_regret_is_the_missing_share_of_the_best_improvement():
    curve = regret_curve(truth((4.0, 3.0, 2.0, 4.0)), "constant")
    assert curve.best_rate == pytest.approx(0.1)
    assert curve.regrets.tolist() == [1, 0.5, 0, 1]


def test_regret_is_linear_in_the_logarithm_of_the_rate():
    curve = regret_curve(truth((4.0, 3.0, 2.0, 4.0)), "constant")
    assert curve.at(0.01 * math.sqrt(10)) == pytest.approx(0.25)
    assert curve.at(0.1 * 10**0.25) == pytest.approx(0.25)


def test_beyond_the_grid_the_last_regret_holds():
    curve = regret_curve(truth((3.5, 3.0, 2.0, math.inf)), "constant")
    assert curve.at(1e-9) == 0.75
    assert curve.at(1e9) == 1


def test_divergence_of_one_seed_counts_as_nothing_gained():
    assert regret_curve(HAND_MADE, "constant").regrets.tolist() == [1, 0, 0, 1]


def test_strict_regret_has_the_best_constant_output_as_its_zero():
    strict = regret_curve(truth((4.0, 2.5, 2.0, 4.0)), "constant", strict=True)
    assert strict.regrets.tolist() == [1, 0.5, 0, 1]


def test_strict_regret_keeps_the_initial_loss_where_a_constant_would_be_worse():
    losses = truth((4.0, 3.0, 2.0, 4.0), constant=5.0)
    assert regret_curve(losses, "constant", strict=True).regrets.tolist() == [1, 0.5, 0, 1]


def test_regret_does_not_change_when_losses_are_shifted_below_zero_and_scaled():
    original = regret_curve(truth((3.6, 3.0, 2.0, math.inf)), "constant")
    moved = truth((-2.8, -4.0, -6.0, math.inf), initial=-2.0, constant=-4.0)
    np.testing.assert_allclose(regret_curve(moved, "constant").regrets, original.regrets)


def test_a_case_that_never_learns_has_no_regret():
    with pytest.raises(ValueError, match="task-sgd: no rate reached a loss below 4"):
        regret_curve(truth((4.0, 4.0, 5.0, math.inf)), "constant")


def test_the_noise_floor_is_a_seeds_regret_at_the_best_rate_of_the_others():
    # The first seed is best at 0.01, the second at 0.1; each pays a share of its own gain at the other's rate.
    assert noise_floor(truth((4.0, 1.0, 2.0, 4.0), (4.0, 3.0, 2.0, 4.0)), "constant") == pytest.approx([1 / 3, 1 / 2])


def test_the_noise_floor_is_zero_when_all_seeds_agree():
    assert noise_floor(truth(*[(4.0, 1.0, 2.0, 4.0)] * 3), "constant") == [0, 0, 0]


def test_a_score_says_how_many_decades_a_rate_is_off():
    given = score(truth((4.0, 3.0, 2.0, 4.0)), "constant", 0.01, steps=7)
    assert (given.task, given.case, given.steps) == ("task", "task-sgd", 7)
    assert (given.regret, given.strict_regret, given.decades) == pytest.approx((0.5, 1.0, -1.0))


def test_a_summary_counts_refusals_apart_and_as_a_whole_regret():
    losses = truth((4.0, 3.0, 2.0, 4.0))
    summary = summarise([score(losses, "constant", lr, steps=10) for lr in (0.1, 0.01, 1.0, None)])
    assert (summary.num_answers, summary.refusals, summary.steps) == (4, 0.25, 10)
    assert summary.regret == pytest.approx(0.5)
    assert summary.regret_with_refusals == pytest.approx(2.5 / 4)
    assert summary.strict_regret == pytest.approx(2 / 3)
    assert summary.share_above_half == pytest.approx(1 / 3)
    assert summary.within_3x == pytest.approx(1 / 3)
    assert summary.decades == pytest.approx(1)
    assert summary.spread == pytest.approx(1)  # pairs are 1, 1 and 2 decades apart


def test_nothing_but_refusals_cannot_be_summarised():
    with pytest.raises(ValueError, match="only refusals"):
        summarise([score(HAND_MADE, "constant", None)])


def test_cases_of_one_task_do_not_make_the_mean_more_certain():
    values = np.array([0.0, 1.0, 0.2, 0.6])
    alone = standard_error(values, ["a", "b", "c", "d"])
    repeated = standard_error(np.repeat(values, 5), [task for task in "abcd" for _ in range(5)])
    assert repeated == pytest.approx(alone)
    # The bootstrap's error is the population's deviation by the root of the number of tasks.
    assert alone == pytest.approx(values.std() / 2, rel=0.05)
