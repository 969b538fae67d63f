import pytest
from benchmarks.finders.tasks import WARMING_CASES
from benchmarks.horizon.truth import SCHEDULES, losses_at
from benchmarks.horizon.warmup import losses_of, ramp_of, row, summary

from lr_finder import Sweep

LINE = {
    "case": "a task-sgd",
    "steps": 1000,
    "warmups": [0, 10, 50, 100],
    "initial_losses": [2.0, 2.0],
    "losses": [[[None, 1.5, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]], [[3.0, 1.0, 0.5, 0.0], [0.0, 0.0, 0.0, 1.0]]],
    "advised": [
        [{"steps": 100, "ran_away": False, "taken": 512}, {"steps": 0, "ran_away": False, "taken": 256}],
        [{"steps": 10, "ran_away": False, "taken": 384}, {"steps": 0, "ran_away": False, "taken": 256}],
    ],
}


def test_regret_is_the_share_of_what_the_best_warm_up_gains():
    needs, harmless = (row(LINE, at) for at in (0, 1))
    assert [needs[way] for way in ("none", "customary", "as advised", "100 steps")] == [1.0, 0.375, 0.125, 0.0]
    assert [harmless[way] for way in ("none", "customary", "as advised", "100 steps")] == [0.0, 0.0, 0.0, 0.25]
    assert needs["advised"] == [100, 10]
    assert [(part["fails without"], part["cases"]) for part in summary([needs, harmless])] == [(True, 1), (False, 1)]


def test_without_a_warm_up_it_is_the_cosine_and_with_one_it_climbs_to_it(monkeypatch):
    monkeypatch.setattr("benchmarks.horizon.warmup.WARMUPS", {12: (0, 4)})
    case = WARMING_CASES["warming_large_start-momentum"]
    losses = losses_of(case, 1e-3, 12)
    (cosine,) = losses_at(case, [1e-3, 2e-3], (0, 1), [12], SCHEDULES["cosine"])
    (climbing,) = losses_at(
        case,
        [1e-3, 2e-3],
        (0, 1),
        [12],
        lambda done: (12 * done + 1) / 4 if done < 4 / 12 else SCHEDULES["cosine"]((12 * done - 4) / 8),
    )
    assert losses[:, :, 0] == pytest.approx(cosine, rel=1e-5)
    assert losses[:, :, 1] == pytest.approx(climbing, rel=1e-5)


def test_the_ramp_starts_anew_each_time():
    ramp = ramp_of(WARMING_CASES["warming_large_start-sgd"], seed=0)
    assert ramp(Sweep.at(1e-3, 5)) == ramp(Sweep.at(1e-3, 5))
