import numpy as np
import pytest

from lr_finder import Curve, NoSuggestionError
from lr_finder.curve.pairing import less_what_batches_add
from lr_finder.curve.reading import Reading
from lr_finder.curve.rules import basin

rng = np.random.default_rng(0)
batches = rng.normal(size=120)
LRS = np.geomspace(1e-4, 1, 120)
fall = -1 / (1 + (0.03 / LRS) ** 2)


def test_what_the_batches_add_is_taken_off_around_its_mean():
    np.testing.assert_allclose(
        less_what_batches_add(2 + fall + batches, 5 + batches), 2 + fall + batches.mean(), atol=0.01
    )


def test_of_other_batches_nothing_is_taken_off():
    losses = fall + batches
    changed = less_what_batches_add(losses, np.random.default_rng(1).normal(size=120)) - losses
    assert np.abs(changed).max() < 0.4


def test_of_a_batch_that_is_the_harder_the_more_is_learned_no_more_than_all_is_taken_off():
    losses = 3 * batches
    np.testing.assert_allclose(np.ptp(less_what_batches_add(losses, batches) - 2 * batches), 0, atol=1e-12)


def test_equal_batches_leave_the_losses_as_they_are():
    np.testing.assert_array_equal(less_what_batches_add(fall, np.ones(120)), fall)


def test_losses_that_are_not_finite_stay_so_and_disturb_no_others():
    losses, control = 2 + fall + batches, batches.copy()
    losses[50], control[60] = np.nan, np.inf
    paired = less_what_batches_add(losses, control)
    assert np.flatnonzero(~np.isfinite(paired)).tolist() == [50, 60]
    assert np.ptp(np.delete(paired - fall, [50, 60])) < 0.05


def test_a_fall_that_the_batches_hide_is_seen():
    hidden = Curve(LRS, 2 + fall + 3 * batches)
    with pytest.raises(NoSuggestionError):
        basin(hidden)
    seen = Curve(LRS, hidden.losses, control_losses=2 + 3 * batches)
    np.testing.assert_allclose(basin(seen).lr, basin(Curve(LRS, 2 + fall)).lr, rtol=0.2)


def test_noise_that_grows_with_the_rate_is_no_fall():
    """As of a model that begins at 0 and has nothing to learn: at first its losses are all alike."""
    for seed in range(50):
        noise = np.random.default_rng(seed).normal(size=120) * LRS
        for curve in (Curve(LRS, 2 + noise), Curve(LRS, 2 + noise + batches, control_losses=2 + batches)):
            assert not Reading.of(curve).has_fallen, seed


def test_as_many_control_losses_as_losses():
    with pytest.raises(ValueError, match="control_losses and losses must have the same length, got 3 and 4"):
        Curve(np.geomspace(1e-3, 1, 4), np.ones(4), control_losses=np.ones(3))
