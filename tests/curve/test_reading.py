"""What counts as a fall."""

from dataclasses import replace

import numpy as np
import pytest

from lr_finder import Curve
from lr_finder.curve.reading import Reading

LRS = np.geomspace(1e-5, 1.0, 200)


def curve(fall, scatter=0.02, seed=0):
    """A loss of 2 that is lower by `fall` above 1e-3, and scatters as much as is said above 1e-1."""
    noise = np.random.default_rng(seed).normal(size=200) * np.where(LRS > 1e-1, scatter, 0.02)
    return Curve(LRS, 2 - np.where(LRS > 1e-3, fall, 0) + noise)


def test_a_fall_is_as_clear_as_where_it_is_clearest():
    """The lowest point may lie where the training is in chaos; the fall before it is one all the same."""
    calm, chaotic = Reading.of(curve(0.5)), Reading.of(curve(0.5, scatter=2.0))
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
