import pytest
from benchmarks.finders.answers import Answer
from benchmarks.finders.regret import regret_curve
from benchmarks.finders.tasks import UNSEEN, WIDER
from benchmarks.finders.truth_file import Truth
from benchmarks.finders.wider import promises

TRUTH = Truth(
    "valley-sgd", "made up", "sgd", 100, 2.0, {},
    initial_losses={0: 2.0}, curves={"constant": {0: {1e-3: 2.0, 1e-2: 1.0, 1e-1: 0.0, 1.0: 2.0}}},
)  # fmt: skip
CURVES = {"valley-sgd": regret_curve(TRUTH, "constant")}


def answer(lr, low=None, high=None, confidence=None, steps=100):
    return Answer("valley-sgd", 0, lr, steps, 0.0, low, high, confidence)


def test_a_refusal_counts_as_a_whole_regret():
    row = promises([answer(1e-1), answer(None), answer(1e-2), answer(1.0)], CURVES)
    assert row["regret"] == pytest.approx((0 + 1 + 0.5 + 1) / 4)
    assert row["refused"] == 1
    assert row["above_half_or_refused"] == 0.5


def test_the_interval_is_held_to_the_best_rate_and_the_confidence_to_the_regret():
    given = [answer(1e-1, 0.05, 0.2, "high"), answer(1e-2, 0.005, 0.02, "low"), answer(1e-2, 1e-3, 1.0, "low")]
    row = promises(given, CURVES)
    assert row["holds_the_best"] == pytest.approx(2 / 3, abs=1e-3)
    assert row["median_width"] == pytest.approx(0.602, abs=1e-3)
    assert row["high"] == {"searches": 1, "regret": 0.0}
    assert row["medium"] == {"searches": 0, "regret": None}
    assert row["low"] == {"searches": 2, "regret": 0.5}


def test_a_third_of_the_wider_tasks_is_kept_unseen():
    names = {task.name for task in WIDER}
    assert set(UNSEEN) < names
    assert 0.3 < len(UNSEEN) / len(names) < 0.4
    assert len(names) >= 16
    assert sum(task.num_steps >= 2000 for task in WIDER) >= 6
