import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from benchmarks.finders.tasks import LASTING_CASES
from benchmarks.finders.truth import constant, final_loss
from benchmarks.horizon.stacked import Stack
from benchmarks.horizon.truth import SCHEDULES, losses_at, wsd


@pytest.mark.parametrize("name", ["lasting_convolution-adamw", "lasting_letters-momentum", "lasting_photograph-lion"])
def test_each_training_of_a_stack_is_what_it_would_be_alone(name):
    case = LASTING_CASES[name]
    case = replace(case, task=replace(case.task, num_steps=20))
    rates = [1e-3, 1e-2]
    alone = [[final_loss(case, seed, constant, lr) for lr in rates] for seed in (0, 1)]
    (stacked,) = losses_at(case, rates, (0, 1), [20], None)
    assert stacked == pytest.approx(np.array(alone), rel=1e-4)


def test_a_training_that_runs_away_leaves_the_others_alone():
    case = LASTING_CASES["lasting_net-momentum"]
    (both,) = losses_at(case, [1e20, 1e-2], (0,), [20], None)
    (one,) = losses_at(case, [1e-2], (0,), [20], None)
    assert both[0, 0] == math.inf
    assert both[0, 1] == pytest.approx(one[0, 0], rel=1e-6)


def test_a_step_under_a_schedule_is_one_at_the_rate_times_the_factor():
    case = LASTING_CASES["lasting_net-adamw"]
    halved, plain = Stack(case, [2e-2], [0]), Stack(case, [1e-2], [0])
    for _ in range(3):
        halved.train_step(0.5)
        plain.train_step(1.0)
    assert halved.validation_losses() == pytest.approx(plain.validation_losses(), rel=1e-5)


def test_each_rate_may_have_a_factor_of_its_own():
    case = LASTING_CASES["lasting_net-adamw"]
    both, plain = Stack(case, [2e-2, 1e-2], [0, 1]), Stack(case, [1e-2, 3e-2], [0, 1])
    for _ in range(3):
        both.train_step(torch.tensor([0.5, 3.0]))
        plain.train_step(1.0)
    assert both.validation_losses() == pytest.approx(plain.validation_losses(), rel=1e-5)


def test_the_end_of_a_short_training_is_met_on_the_way_to_that_of_a_long_one():
    case = LASTING_CASES["lasting_logistic-sgd"]
    short, _ = losses_at(case, [0.1], (0,), [20, 40], None)
    (alone,) = losses_at(case, [0.1], (0,), [20], None)
    assert short == pytest.approx(alone)


def test_every_schedule_ends_lower_than_its_peak_which_is_one():
    for schedule in SCHEDULES.values():
        factors = [schedule(step / 1000) for step in range(1000)]
        assert max(factors) == pytest.approx(1, abs=1e-3)
        assert factors[-1] < 0.2
    assert wsd(0.79) == 1
    assert wsd(0.9) == pytest.approx(0.5)
