import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lr_finder.curve.smoothing import ExponentialAverage, smooth, standard_errors

losses = arrays(float, st.integers(2, 100), elements=st.floats(-1e6, 1e6))


@given(losses, st.floats(0.01, 3))
def test_a_smoothed_loss_stays_between_the_lowest_and_the_highest(losses, width):
    smoothed = smooth(np.geomspace(1e-7, 10, len(losses)), losses, width)
    assert np.all(smoothed >= losses.min())
    assert np.all(smoothed <= losses.max())


@given(losses)
def test_an_offset_and_a_scale_pass_through(losses):
    lrs = np.geomspace(1e-7, 10, len(losses))
    np.testing.assert_allclose(smooth(lrs, 2 * losses + 64), 2 * smooth(lrs, losses) + 64, atol=1e-6, rtol=1e-9)


def test_nothing_lags():
    """The lowest point of a symmetric valley stays where it is, however many steps the ramp has."""
    for steps in (41, 81, 401):
        lrs = np.geomspace(1e-4, 1, steps)
        smoothed = smooth(lrs, np.abs(np.log10(lrs) + 2))
        assert np.argmin(smoothed) == (steps - 1) // 2


def test_the_average_of_the_first_values_is_not_drawn_to_zero():
    average = ExponentialAverage(0.98)
    assert average.update(5.0) == 5.0
    assert np.isclose(average.update(1.0), (0.98 * 5 + 1) / 1.98)


def test_a_long_curve_is_smoothed_piece_by_piece():
    lrs = np.geomspace(1e-7, 10, 4000)
    losses = np.random.default_rng(0).normal(size=4000)
    weights = np.exp(-0.5 * (np.subtract.outer(np.log10(lrs), np.log10(lrs)) / 0.2) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(smooth(lrs, losses, 0.2), weights @ losses, rtol=1e-10, atol=1e-14)
    noise = np.linspace(1, 2, 4000)
    np.testing.assert_allclose(standard_errors(lrs, noise), np.sqrt(weights**2 @ noise**2), rtol=1e-12)
    tracemalloc.start()
    smooth(lrs, losses)
    assert tracemalloc.get_traced_memory()[1] < weights.nbytes / 2
    tracemalloc.stop()
