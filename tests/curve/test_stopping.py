import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lr_finder import StopReason
from lr_finder.curve.stopping import BestMultiple, Divergence

finite = st.floats(-1e6, 1e6)


def stopped_at(rule, losses):
    """The index of the loss at which a rule stops, or None."""
    return next((i for i, loss in enumerate(losses) if rule.update(float(loss)) is not None), None)


@given(arrays(float, st.integers(1, 120), elements=finite))
def test_it_never_fires_on_a_falling_loss(losses):
    assert stopped_at(Divergence(), np.sort(losses)[::-1]) is None


@given(st.floats(-1e6, 1e6), st.integers(1, 200))
def test_it_never_fires_on_a_constant_loss(loss, steps):
    assert stopped_at(Divergence(), [loss] * steps) is None


@given(st.integers(0, 2**32 - 1), st.floats(-100, 100), st.floats(1e-3, 1e3))
def test_it_does_not_fire_on_noise(seed, level, scale):
    losses = level + scale * np.random.default_rng(seed).normal(size=150)
    assert stopped_at(Divergence(), losses) is None


LOSSES = np.concatenate([np.linspace(2.3, 0.4, 60), 0.4 * 1.5 ** np.arange(30)]) + np.resize([0.01, -0.01, 0.005], 90)


@pytest.mark.parametrize("offset", [0, -2.3, -1000, 1000])
@pytest.mark.parametrize("scale", [1e-3, 1, 1e3])
def test_an_offset_or_a_scale_does_not_move_the_stop(offset, scale):
    expected = stopped_at(Divergence(), LOSSES)
    assert 60 < expected < 80
    assert stopped_at(Divergence(), scale * (LOSSES + offset)) == expected


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_not_finite_is_a_reason_of_its_own(bad):
    rule = BestMultiple()
    assert rule.update(1.0) is None
    assert rule.update(bad) is StopReason.NOT_FINITE
    rule = Divergence()
    assert [rule.update(loss) for loss in (1.0, bad, bad)] == [None, None, StopReason.NOT_FINITE]
    assert Divergence().update(bad) is StopReason.NOT_FINITE


@pytest.mark.parametrize("stray", [math.nan, math.inf, 1e6])
def test_a_stray_loss_decides_nothing(stray):
    without = stopped_at(Divergence(), LOSSES)
    for step in range(1, 60, 7):
        losses = LOSSES.copy()
        losses[step] = stray
        assert stopped_at(Divergence(), losses) == without


def test_it_does_not_fire_on_noise_that_is_seldom_but_large():
    """As the losses of batches of which every third holds a rare event; after eleven there are three in a row."""
    losses = np.resize([0.1, 0.1, 1.0], 150) + 0.001 * np.random.default_rng(0).normal(size=150)
    losses[[11, 12, 13]] = 1.0
    assert stopped_at(Divergence(), losses) is None


def test_a_steady_rise_from_the_first_step_on_is_not_the_rates():
    """As of a generator whose critic learns at its own rate."""
    drifting = 0.7 + 0.003 * np.arange(100) + 0.0005 * np.random.default_rng(0).normal(size=100)
    assert stopped_at(Divergence(), drifting) is None
    drifting[80:] += 0.01 * 2.0 ** np.arange(20)
    assert 80 < stopped_at(Divergence(), drifting) < 90


def test_a_loss_that_saturates_has_run_away_where_it_stays_at_its_worst():
    """As 1 - overlap, or the cross-entropy of a net that has died: it can't rise to four times its fall."""
    falling = np.linspace(0.9, 0.3, 60)
    noise = 0.005 * np.random.default_rng(0).normal(size=120)
    back = np.concatenate([falling, np.linspace(0.3, 0.9, 10), np.full(50, 0.9)]) + noise
    assert 70 < stopped_at(Divergence(), back) < 90
    half_way = np.concatenate([falling, np.linspace(0.3, 0.6, 10), np.full(50, 0.6)]) + noise
    assert stopped_at(Divergence(), half_way) is None


def test_a_heavy_momentum_may_swing_back_to_the_worst():
    """As SGD with a momentum of 0.99 on a loss that falls at once, overshoots, and comes lower at a higher rate."""
    swing = 0.75 - 0.2 * np.cos(2 * np.pi * np.arange(80) / 80)
    losses = np.concatenate([np.linspace(0.8, 0.55, 40), swing, np.linspace(0.55, 0.4, 40), np.full(120, 0.81)])
    losses += 0.005 * np.random.default_rng(0).normal(size=280)
    assert 40 < stopped_at(Divergence(momentum=0.9), losses) < 120
    assert 160 < stopped_at(Divergence(momentum=0.99), losses) < 270


def test_the_reference_rule_stops_above_four_times_the_best():
    rule = BestMultiple()
    assert [rule.update(loss) for loss in (5, 1, 4, 4.001)] == [None, None, None, StopReason.DIVERGED]


def test_the_reference_rule_does_not_fire_at_once_on_negative_losses():
    assert stopped_at(BestMultiple(), [-1, -2, -3, -2, 5.9]) is None
    assert stopped_at(BestMultiple(), [-1, -2, -3, 6.1]) == 3
