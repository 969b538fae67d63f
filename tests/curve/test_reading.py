"""What counts as a fall, and which of several."""

from dataclasses import replace

import numpy as np
import pytest

from lr_finder import Curve
from lr_finder.curve.reading import Reading
from lr_finder.curve.rules import find_rule

LRS = np.geomspace(1e-5, 1.0, 200)


def curve(fall, scatter=0.02, seed=0):
    """A loss of 2 that is lower by `fall` above 1e-3, and scatters as much as is said above 1e-1."""
    noise = np.random.default_rng(seed).normal(size=200) * np.where(LRS > 1e-1, scatter, 0.02)
    return Curve(LRS, 2 - np.where(LRS > 1e-3, fall, 0) + noise)


def test_a_fall_is_as_clear_as_where_it_is_clearest():
    """The lowest point may lie where the training is in chaos; the fall before it is one all the same."""
    calm, chaotic = Reading.of(curve(0.5)), Reading.of(curve(0.5, scatter=0.2))
    assert chaotic.lrs[chaotic.lowest] > 1e-1
    assert chaotic.has_fallen
    assert chaotic.clearness > 0.6 * calm.clearness


@pytest.mark.parametrize("seed", range(5))
def test_chaos_alone_is_no_fall(seed):
    assert not Reading.of(curve(0.0, scatter=2.0, seed=seed)).has_fallen


def test_less_of_a_fall_counts_where_the_loss_is_known_to_run_away():
    small = curve(0.025)
    assert 4 < Reading.of(small).clearness < 6
    assert not Reading.of(small).has_fallen
    assert Reading.of(replace(small, runs_away=True)).has_fallen


def two_falls(hump, second, noise=0.02):
    """A loss of 2 that falls to 1 at 1e-4, rises to `hump` from 1e-3 to 1e-2, and lies at `second` above that."""
    losses = np.select([LRS < 1e-4, LRS < 1e-3, LRS < 1e-2], [2.0, 1.0, hump], second)
    return Curve(LRS, losses + noise * np.random.default_rng(0).normal(size=200), momentum=0.0)


@pytest.mark.parametrize("hump", [1.6, 1.9, 2.5])
def test_a_lower_loss_beyond_one_that_had_come_back_does_not_count(hump):
    reading = Reading.of(two_falls(hump, second=0.5))
    assert reading.came_back
    assert reading.has_diverged
    assert reading.lrs[reading.lowest] < 1e-3 < reading.lrs[-1] < 2e-3
    suggestion = find_rule("basin")(two_falls(hump, second=0.5))
    assert suggestion.high < 1e-2
    assert "it had lost half of that again" in suggestion.reason


@pytest.mark.parametrize(("hump", "second", "noise"), [(1.3, 0.5, 0.02), (1.9, 1.2, 0.02), (1.9, 0.5, 0.5)])
def test_it_counts_beyond_a_small_rise_and_where_noise_may_have_made_it_and_a_higher_one_never_did(hump, second, noise):
    curve = two_falls(hump, second, noise)
    reading = Reading.of(curve)
    assert not reading.came_back
    assert len(reading.lrs) == len(curve)


def test_a_few_losses_that_jump_are_no_coming_back():
    curve = two_falls(1.0, second=0.5)
    losses = curve.losses.copy()
    losses[150:152] = 2.0
    assert not Reading.of(replace(curve, losses=losses)).came_back


def test_a_heavy_momentum_may_overshoot_and_come_back():
    heavy = replace(two_falls(1.9, second=0.5), momentum=0.99)
    assert not Reading.of(heavy).came_back
