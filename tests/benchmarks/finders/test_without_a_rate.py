import math

import pytest
import torch
from benchmarks.finders.tasks import CASES, epochs
from benchmarks.finders.truth import constant, final_loss
from benchmarks.finders.truth_file import Truth
from benchmarks.finders.without_a_rate import CHOICES, Retrained, keep, load, regret, summaries

WINE = CASES["wine-adamw"]
BATCH_NORM = CASES["batch_norm_convolution-adamw"]


def truth(case: str = "task-adamw") -> Truth:
    """Mean losses 4, 2, 4 at three rates, from 4 before training; a constant output costs 3."""
    losses = {0.001: 4.0, 0.01: 2.0, 0.1: math.inf}
    curves = {"constant": {0: losses, 1: losses, 2: losses}}
    return Truth(case, "", "adamw", 10, 3.0, {}, {0: 4.0, 1: 4.0, 2: 4.0}, curves)


def test_regret_of_a_training_is_measured_against_the_best_rate():
    assert regret([3.0, 3.0, 3.0], truth(), strict=False) == pytest.approx(0.5)
    assert regret([2.5, 2.5, 2.5], truth(), strict=True) == pytest.approx(0.5)
    assert regret([2.0, 2.0, None], truth(), strict=False) == pytest.approx(1 / 3)
    assert regret([1.0, 1.0, 1.0], truth(), strict=False) == pytest.approx(-0.5)


def test_a_summary_holds_what_is_measured_of_the_cases_with_a_truth():
    losses = {"one": {"task-adamw": [3.0, 3.0, 3.0], "late-adamw": [2.0], "next-adamw": [], "other-adamw": [0.0]}}
    rows = summaries({case: truth(case) for case in ("task-adamw", "late-adamw", "next-adamw")}, losses | {"none": {}})
    assert list(rows) == ["one"]
    assert (rows["one"].num_answers, rows["one"].regret) == (4, pytest.approx(0.25))


def test_losses_are_read_seed_by_seed_wherever_they_stand(tmp_path):
    file = tmp_path / "without_a_rate.jsonl"
    for seed, loss in ((1, math.inf), (0, 0.1 + 0.2)):
        keep("Prodigy", WINE, seed, loss, file)
    assert load(file) == {"Prodigy": {"wine-adamw": [0.1 + 0.2, None]}}


def test_prodigy_and_schedule_free_train_at_their_default_rates():
    for name in ("Prodigy", "schedule-free AdamW"):
        choice = CHOICES[name]
        optimizer = Retrained(WINE, choice).make(0).make_optimizer(1.0)
        assert optimizer.defaults["lr"] == choice.lr == type(optimizer)([torch.zeros(1)]).defaults["lr"]
        assert final_loss(Retrained(BATCH_NORM, choice), 0, constant, choice.lr) < 1.5


def test_schedule_free_is_validated_with_its_averaged_weights_and_trained_with_the_others():
    model, make_optimizer, loss_fn, loader, validate = Retrained(BATCH_NORM, CHOICES["schedule-free AdamW"]).make(0)
    optimizer = make_optimizer(1.0)
    for _, (inputs, targets) in zip(range(20), epochs(loader), strict=False):
        optimizer.zero_grad()
        loss_fn(model(inputs), targets).backward()
        optimizer.step()
    trained = [parameter.detach().clone() for parameter in model.parameters()]
    weights_seen = []
    model.register_forward_pre_hook(lambda *_: weights_seen.append(next(model.parameters()).detach().clone()))
    validate()
    assert not torch.equal(weights_seen[-1], trained[0])
    assert optimizer.param_groups[0]["train_mode"]
    assert model.training
    for now, before in zip(model.parameters(), trained, strict=True):
        torch.testing.assert_close(now.detach(), before)
