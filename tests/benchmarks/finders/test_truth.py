import math

import pytest
from benchmarks.finders.tasks import CASES
from benchmarks.finders.truth import RATES, constant, explore, final_loss, measure, one_cycle
from benchmarks.finders.truth_file import Truth, load_truths


def test_rates_are_three_per_decade_from_1e_minus_7_to_100():
    assert min(RATES.values()) == 1e-7
    assert max(RATES.values()) == 100
    assert RATES[0] == 1
    assert all(RATES[index + 3] == pytest.approx(10 * RATES[index], rel=1e-4) for index in range(-21, 4))


def test_one_cycle_rises_from_a_25th_to_the_peak_and_falls_to_nothing():
    assert one_cycle(0) == pytest.approx(1 / 25)
    assert one_cycle(0.125) == pytest.approx((1 + 1 / 25) / 2)
    assert one_cycle(0.25) == 1
    assert one_cycle(0.625) == pytest.approx(0.5)
    assert one_cycle(0.999) < 1e-4


@pytest.mark.parametrize("start", [-12, -3, 3], ids=["below the optimum", "at it", "where training diverges"])
def test_exploring_finds_the_optimum_from_anywhere_and_stops_when_clearly_worse(start):
    def loss_at(index: int) -> float:
        if index > -2:
            return math.inf
        return 1 - 0.9 * math.exp(-((index + 3) ** 2) / 8)

    losses = explore(loss_at, start, 1.0)
    assert min(losses, key=losses.__getitem__) == -3
    assert losses[min(losses)] > 0.9
    assert {-1, 0} <= set(losses)
    assert max(losses) <= max(start + 2, 0)


def test_exploring_goes_on_over_a_single_bad_rate():
    losses = explore(lambda index: {-8: 0.5, -7: math.inf, -6: 0.1}.get(index, 1.0), -8, 1.0)
    assert losses[-6] == 0.1


def test_exploring_gives_every_lower_rate_a_chance_when_nothing_learns():
    assert set(RATES) - set(explore(lambda _: 1.0, 0, 1.0)) == set(range(2, max(RATES) + 1))


def test_an_absurd_rate_has_an_infinite_loss_and_a_good_one_learns():
    case = CASES["wine-sgd"]
    assert final_loss(case, 0, constant, 1e20) == math.inf
    assert final_loss(case, 0, constant, 0.1) < 0.5 * case.make(0).validate()


@pytest.mark.slow
def test_measuring_is_kept_taken_up_and_not_repeated(tmp_path):
    file = tmp_path / "truth.jsonl"
    assert "wine-sgd constant seed 0" in measure("wine-sgd", "constant", 0, file)
    written = file.read_text()
    assert measure("wine-sgd", "constant", 0, file) is None
    assert file.read_text() == written
    assert list(tmp_path.iterdir()) == [file]
    truth = load_truths(file)["wine-sgd"]
    assert truth.curves["constant"][0][0.1] == final_loss(CASES["wine-sgd"], 0, constant, 0.1)


def test_a_truth_is_read_as_it_was_written(tmp_path):
    curves = {"constant": {seed: {0.1: seed / 3, 1.0: math.inf} for seed in (0, 1)}, "one_cycle": {1: {0.1: 1.0}}}
    truth = Truth("task-sgd", "mlp", "sgd", 10, -1.5, {"torch": "2"}, {0: 2.0, 1: 0.1}, curves)
    for schedule, seed in (("one_cycle", 1), ("constant", 1), ("constant", 0)):
        truth.keep(schedule, seed, tmp_path / "truth.jsonl")
    assert load_truths(tmp_path / "truth.jsonl") == {"task-sgd": truth}
