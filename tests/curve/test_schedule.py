import pytest

from curves import valley_curve
from lr_finder import RangeTestResult

RESULT = RangeTestResult(valley_curve(), steps_taken=230)


def test_a_constant_rate_is_the_suggestion_itself():
    schedule = RESULT.schedule("constant", 50)
    assert (float(schedule), schedule.lr, schedule.warmup_steps) == (*[RESULT.suggestion.lr] * 2, 0)


def test_one_cycle_peaks_above_it():
    assert RESULT.schedule("one_cycle", 200).lr == 2 * RESULT.suggestion.lr


def test_long_trainings_get_a_warning():
    assert "longer ones tend to want smaller rates" not in RESULT.schedule("cosine", 300).advice
    assert "longer ones tend to want smaller rates" in RESULT.schedule("cosine", 30_000).advice


@pytest.mark.parametrize(
    ("kind", "steps", "error", "message"),
    [
        ("linear", 10, ValueError, "kind must be one of constant, one_cycle, cosine, got 'linear'"),
        ("cosine", 0, ValueError, "total_steps must be at least 1, got 0"),
        ("cosine", 1e3, TypeError, "total_steps must be a whole number"),
    ],
)
def test_bad_arguments_are_refused(kind, steps, error, message):
    with pytest.raises(error, match=message):
        RESULT.schedule(kind, steps)
