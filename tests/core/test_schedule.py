import pytest
import torch

from curves import valley_curve
from lr_finder import RangeTestResult

RESULT = RangeTestResult(valley_curve(), steps_taken=230)


def test_a_constant_rate_is_the_suggestion_itself():
    schedule = RESULT.schedule("constant", 50)
    assert (float(schedule), schedule.lr, schedule.warmup_steps) == (*[RESULT.suggestion.lr] * 2, 0)


def test_one_cycle_peaks_above_it_as_torch_does_with_its_maximum():
    schedule = RESULT.schedule("one_cycle", 200)
    assert schedule.lr == 2 * RESULT.suggestion.lr
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.lr, schedule.total_steps, pct_start=schedule.warmup_steps / schedule.total_steps
    )
    rates = []
    for _ in range(schedule.total_steps):
        rates.append(cycle.get_last_lr()[0])
        optimizer.step()
        cycle.step()
    assert max(rates) == pytest.approx(schedule.lr)
    assert abs(rates.index(max(rates)) - schedule.warmup_steps) <= 1


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
