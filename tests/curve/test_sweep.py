import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lr_finder import Sweep

rates = st.floats(1e-12, 1e6)


@given(rates, st.floats(1.001, 1e9), st.integers(2, 300), st.sampled_from(["exponential", "linear"]))
def test_the_ends_are_exact_and_the_rate_only_climbs(start, factor, num_it, shape):
    sweep = Sweep(start, start * factor, num_it, shape=shape)
    assert sweep.lrs[0] == start
    assert sweep.lrs[-1] == start * factor
    assert len(sweep.lrs) == num_it
    assert np.all(np.diff(sweep.lrs) >= 0)


def test_an_exponential_ramp_grows_by_one_factor_and_a_linear_one_by_one_step():
    np.testing.assert_allclose(Sweep(1e-3, 10, 5).lrs, [1e-3, 1e-2, 1e-1, 1, 10])
    np.testing.assert_allclose(Sweep(1, 5, 5, shape="linear").lrs, [1, 2, 3, 4, 5])


def test_the_last_steps_are_held_at_the_last_rate():
    np.testing.assert_allclose(Sweep(1e-3, 1, 6, hold=2).lrs, [1e-3, 1e-2, 1e-1, 1, 1, 1])
    np.testing.assert_allclose(Sweep.warm_up(4, 4, 6).lrs, [1, 2, 3, 4, 4, 4])
    np.testing.assert_allclose(Sweep.warm_up([4, 8], 4, 5).group_lrs([1, 1])[:, 0], [1, 2, 3, 4, 4])
    assert Sweep.warm_up(4, 0, 3).lrs.tolist() == [4, 4, 4]


@given(rates, st.integers(1, 20))
def test_a_constant_sweep_holds_its_rate(lr, num_it):
    assert Sweep.at(lr, num_it).lrs.tolist() == [lr] * num_it


def test_one_number_keeps_the_ratios_of_the_groups():
    sweep = Sweep(1e-4, 1e-1, 4)
    groups = sweep.group_lrs([1e-5, 1e-3])
    np.testing.assert_allclose(groups[:, 1], sweep.lrs)
    np.testing.assert_allclose(groups[:, 0], sweep.lrs / 100)


def test_groups_whose_rates_are_all_zero_sweep_together():
    np.testing.assert_allclose(Sweep(1e-4, 1e-1, 4).group_lrs([0, 0])[0], [1e-4, 1e-4])


def test_one_rate_per_group_ramps_each_group_between_its_own_bounds():
    sweep = Sweep([1e-4, 1e-2], [1e-2, 1.0], 3)
    np.testing.assert_allclose(sweep.group_lrs([5, 7]), [[1e-4, 1e-2], [1e-3, 1e-1], [1e-2, 1]])
    np.testing.assert_allclose(sweep.lrs, [1e-2, 1e-1, 1])


def test_a_slice_spreads_the_groups_as_fastai_does():
    sweep = Sweep(slice(1e-6, 1e-4), slice(1e-2), 2)
    np.testing.assert_allclose(sweep.group_lrs([1, 1, 1]), [[1e-6, 1e-5, 1e-4], [1e-3, 1e-3, 1e-2]])
    assert sweep.lrs.tolist() == [1e-4, 1e-2]
    assert sweep.group_lrs([1])[:, 0].tolist() == [1e-4, 1e-2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1e-3, 1, 1), "num_it must be at least 2, got 1"),
        ((0, 1, 10), "start_lr must be finite and greater than 0, got 0"),
        ((-1e-3, 1, 10), "start_lr must be finite and greater than 0, got -0.001"),
        ((1e-3, float("inf"), 10), "end_lr must be finite and greater than 0, got inf"),
        ((float("nan"), 1, 10), "start_lr must be finite and greater than 0, got nan"),
        ((1, 1, 10), "start_lr must be smaller than end_lr, got 1 and 1"),
        ((2, 1, 10), "start_lr must be smaller than end_lr, got 2 and 1"),
        (([1e-3, 2], [1, 1], 10), "start_lr must be smaller than end_lr"),
        (([1e-3, 1e-2, 1e-1], [1, 1], 10), "the same number of rates, got 3 and 2"),
        (([], 1, 10), "start_lr must be a number or one number per parameter group"),
        ((slice(None), 1, 10), "start_lr must be slice"),
    ],
)
def test_a_bad_bound_or_count_is_named_with_its_rule_and_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        Sweep(*arguments)


def test_other_bad_arguments_are_named():
    with pytest.raises(TypeError, match=r"num_it must be a whole number, got 2\.5"):
        Sweep(1e-3, 1, 2.5)
    with pytest.raises(TypeError, match=r"start_lr must be a number, .* got 'low'"):
        Sweep("low", 1, 10)
    with pytest.raises(ValueError, match="shape must be one of exponential, linear, constant, got 'cosine'"):
        Sweep(1e-3, 1, 10, shape="cosine")
    with pytest.raises(ValueError, match="wd must be a finite number of at least 0, got -1"):
        Sweep(1e-3, 1, 10, wd=-1)
    with pytest.raises(ValueError, match=r"start_lr must have one rate per parameter group \(2\), got 3"):
        Sweep([1e-3, 1e-3, 1e-3], 1, 10).group_lrs([1, 1])


def test_a_group_that_is_held_at_0_stays_there():
    rates = Sweep(1e-3, 1.0, 4).group_lrs([0.0, 0.1])
    np.testing.assert_allclose(rates, [[0, 1e-3], [0, 1e-2], [0, 1e-1], [0, 1.0]], rtol=1e-15)


def test_a_sweep_can_go_to_another_process():
    sweep = Sweep([1e-4, 1e-3], slice(0.1, 1), 20, stop_div=False, wd=0.1)
    assert pickle.loads(pickle.dumps(sweep)) == sweep
