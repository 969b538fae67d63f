import pytest

from lr_finder.curve.training import Training
from lr_finder.curve.weight_decay import averaging_steps, in_words


def training(name: str = "AdamW", *groups: dict) -> Training:
    return Training(name, groups or ({"lr": 1.0, "weight_decay": 0.01},))


def test_the_time_is_one_over_rate_times_decay():
    assert averaging_steps(training(), 1e-3) == pytest.approx(100_000)


def test_momentum_makes_sgd_forget_sooner():
    group = {"lr": 0.1, "weight_decay": 1e-4, "momentum": 0.9}
    assert averaging_steps(training("SGD", group), 0.1) == pytest.approx(10_000)


def test_the_group_that_forgets_first_counts_at_its_own_rate():
    groups = {"lr": 1e-4, "weight_decay": 0.1}, {"lr": 1e-3, "weight_decay": 0.1}, {"lr": 1e-3, "weight_decay": 0.0}
    assert averaging_steps(training("AdamW", *groups), 2e-3) == pytest.approx(5000)


@pytest.mark.parametrize(
    "of", [None, Training(), training("AdamW", {"lr": 1e-3, "weight_decay": 0.0}), training("Adam"), Training("SGD")]
)
def test_there_is_none_where_nothing_decays_by_itself(of):
    assert averaging_steps(of, 1e-3) is None
    assert in_words(of, 1e-3, 100) == ""


@pytest.mark.parametrize(
    ("total_steps", "said"),
    [(50_000, "hardly matters"), (200_000, "a good part"), (10**7, "a small part"), (None, "that is much shorter")],
)
def test_it_is_told_against_the_length_of_the_training(total_steps, said):
    text = in_words(training(), 1e-3, total_steps)
    assert "100,000 steps, 1 / (rate x decay)" in text
    assert said in text
