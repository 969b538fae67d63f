import math

import pytest

from curves import valley_curve
from lr_finder import RangeTestResult
from lr_finder.curve.batch_size import for_batch_size
from lr_finder.curve.suggestion import Suggestion
from lr_finder.curve.thresholds import ADAPTIVE_BATCHES, PLAIN_LARGER_BATCHES, PLAIN_SMALLER_BATCHES
from lr_finder.curve.training import Training

SUGGESTION = Suggestion(1e-2, 4e-3, 3e-2, "basin", "high", "Seen. Confidence is high: clear.")
ADAM, SGD = Training("AdamW"), Training("SGD")


@pytest.mark.parametrize(
    ("training", "factor", "exponent"),
    [
        (ADAM, 4, ADAPTIVE_BATCHES),
        (ADAM, 0.25, ADAPTIVE_BATCHES),
        (SGD, 4, PLAIN_LARGER_BATCHES),
        (SGD, 0.25, PLAIN_SMALLER_BATCHES),
    ],
)
def test_the_rate_grows_with_a_power_of_the_batch(training, factor, exponent):
    assert for_batch_size(SUGGESTION, factor, training).lr == pytest.approx(1e-2 * factor**exponent)


def test_the_same_batches_get_the_same_suggestion():
    same = for_batch_size(SUGGESTION, 1, ADAM)
    assert (same.lr, same.low, same.high) == pytest.approx((1e-2, 4e-3, 3e-2))


def test_an_unknown_optimizer_gets_the_lower_rate():
    for factor in (0.25, 4):
        known = [for_batch_size(SUGGESTION, factor, training).lr for training in (ADAM, SGD)]
        assert for_batch_size(SUGGESTION, factor, None).lr == min(known)


def test_the_interval_widens_with_the_distance():
    widths = [math.log10(s.high / s.low) for s in (for_batch_size(SUGGESTION, f, ADAM) for f in (1, 2, 8))]
    assert widths == sorted(widths)
    assert len(set(widths)) == 3


@pytest.mark.parametrize("factor", [16, 1 / 16])
def test_it_warns_far_away(factor):
    assert for_batch_size(SUGGESTION, 8, ADAM).confidence == "high"
    far = for_batch_size(SUGGESTION, factor, ADAM)
    assert far.confidence == "low"
    assert "beyond 8 times the size it is a guess" in far.reason


def test_a_result_tells_its_optimizers():
    result = RangeTestResult(valley_curve(), steps_taken=230)
    assert result.for_batch_size(4).lr > result.suggestion.lr


@pytest.mark.parametrize(
    ("factor", "error"), [(0, ValueError), (-1, ValueError), (math.nan, ValueError), (math.inf, ValueError),
                          ("4", TypeError), (True, TypeError)]
)  # fmt: skip
def test_a_bad_factor_is_refused(factor, error):
    with pytest.raises(error, match=r"factor must be a .*number.*, the new batch size over the old one, got"):
        for_batch_size(SUGGESTION, factor, ADAM)
