import numpy as np
import pytest

from lr_finder import Curve, StopReason
from lr_finder.curve.interval import doubt, interval_decades
from lr_finder.curve.reading import Reading
from lr_finder.curve.rules import RULES

LRS = np.geomspace(1e-4, 10, 120)


def reading_of(lowest=0.5, noise=0.0, until=120):
    """A loss that falls from 2 around a rate of 0.01, with noise from batch to batch."""
    descent = 1 / (1 + (0.01 / LRS) ** 2)
    losses = 2 - (2 - lowest) * descent + noise * np.random.default_rng(0).normal(size=120)
    return Reading.of(curve_of(losses, until))


def curve_of(losses, until=120):
    """It runs away where it ends early."""
    reason = StopReason.COMPLETED if until == len(LRS) else StopReason.DIVERGED
    return Curve(LRS[:until], losses[:until], stop_reason=reason)


def test_the_clearer_the_fall_the_narrower_the_interval():
    widths = [interval_decades(reading_of(noise=noise)) for noise in (0.8, 0.4, 0.1, 0.02)]
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) == 4
    assert 0.8 < widths[-1] < widths[0] < 1.8


def test_without_noise_it_still_has_a_width():
    assert interval_decades(reading_of()) == pytest.approx(2 * (0.83 - 0.2 * 2))


@pytest.mark.parametrize("rule", RULES)
def test_it_lies_evenly_around_what_a_rule_suggests(rule):
    losses = 2 - 1.5 / (1 + (0.01 / LRS) ** 2)
    suggestion = RULES[rule](curve_of(losses))
    assert suggestion.high / suggestion.lr == pytest.approx(suggestion.lr / suggestion.low)


@pytest.mark.parametrize(
    ("options", "confidence", "why"),
    [
        ({"lowest": 0.5}, "high", "the fall is clear, and the loss fell by 75%"),
        ({"lowest": 1.2}, "medium", "the loss fell by 40%, and what comes after"),
        ({"lowest": 1.8}, "low", "the loss fell by 10% only"),
        ({"lowest": 0.5, "noise": 0.35}, "medium", "times what noise may do"),
        ({"lowest": 0.5, "noise": 2.0}, "low", "times what noise may do"),
        ({"lowest": 0.5, "until": 80}, "medium", "ran away right after its lowest point"),
    ],
    ids=["clear", "a large part", "a small part", "noise", "much noise", "sudden"],
)
def test_confidence_follows_the_width_and_how_much_of_itself_the_loss_lost(options, confidence, why):
    said = doubt(reading_of(**options))
    assert said[0] == confidence
    assert why in said[1]


def test_a_loss_that_starts_at_nothing_has_no_share_to_lose():
    falling = -1 / (1 + (0.01 / LRS) ** 2)
    falling -= falling[0]
    falling[:20] = 0.0
    assert Reading.of(curve_of(falling)).fall_share == np.inf


def test_a_rate_above_all_usual_ones_is_in_doubt():
    losses = 2 - 1.5 / (1 + (0.01 / LRS) ** 2)
    assert doubt(Reading.of(curve_of(losses)))[0] == "high"
    confidence, why = doubt(Reading.of(Curve(1e5 * LRS, losses)))
    assert confidence == "low"
    assert "scale of the weights" in why
