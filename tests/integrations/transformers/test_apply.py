"""A rate that was found in the hands of a Trainer."""

import numpy as np
import pytest
import torch
from transformers import Trainer, TrainerCallback

from curves import valley_curve
from integrations.transformers.trainers import bert, trainer_of
from lr_finder import NoSuggestionError, RangeTestResult, lr_find

pytestmark = pytest.mark.slow

RESULT = RangeTestResult(valley_curve(), steps_taken=200)
LR = RESULT.suggestion.lr


class NotingRates(TrainerCallback):
    """The rate of each parameter group at each step."""

    def __init__(self):
        self.rates = []

    def on_step_begin(self, args, state, control, optimizer=None, **_):
        self.rates.append([float(group["lr"]) for group in optimizer.param_groups])


def rates_of_a_training(trainer):
    noting = NotingRates()
    trainer.add_callback(noting)
    trainer.train()
    return noting.rates


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("has_trained", [False, True])
def test_a_trainer_trains_with_the_rate_as_one_that_was_made_with_it(tmp_path, schedule, has_trained):
    trainer = trainer_of(tmp_path, lr_scheduler_type=schedule, warmup_steps=3)
    if has_trained:
        trainer.train()
    assert all(change == (5e-5, pytest.approx(LR)) for change in RESULT.apply(trainer))
    assert trainer.args.learning_rate == LR
    expected = rates_of_a_training(trainer_of(tmp_path, lr_scheduler_type=schedule, warmup_steps=3, learning_rate=LR))
    np.testing.assert_allclose(rates_of_a_training(trainer), expected)


def one_cycle(optimizer):
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=[1e-3, 1e-2], total_steps=20)


def warm_up_then_decay(optimizer):
    first = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=4)
    second = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    return torch.optim.lr_scheduler.SequentialLR(optimizer, [first, second], [4])


@pytest.mark.parametrize("make_scheduler", [one_cycle, warm_up_then_decay])
def test_a_scheduler_of_the_users_goes_its_course_at_the_rate_and_groups_keep_their_ratio(tmp_path, make_scheduler):
    def trainer():
        model = bert()
        groups = [{"params": model.bert.parameters(), "lr": 1e-3}, {"params": model.classifier.parameters()}]
        optimizer = torch.optim.SGD(groups, lr=1e-2)
        return trainer_of(tmp_path, model, optimizers=(optimizer, make_scheduler(optimizer)))

    applied = trainer()
    changes = RESULT.apply(applied)
    np.testing.assert_allclose(changes, [(1e-3, LR / 10), (1e-2, LR)])
    np.testing.assert_allclose(rates_of_a_training(applied), np.array(rates_of_a_training(trainer())) * LR / 1e-2)


def test_rates_that_are_0_are_refused(tmp_path):
    trainer = trainer_of(tmp_path, learning_rate=0.0)
    trainer.create_optimizer()
    with pytest.raises(ValueError, match="must have a rate above 0, whose ratios"):
        RESULT.apply(trainer)


def test_no_rate_is_written_where_the_curve_tells_none(tmp_path):
    class Constant(Trainer):
        def compute_loss(self, *arguments, **keywords):
            return 0 * super().compute_loss(*arguments, **keywords) + 1

    trainer = trainer_of(tmp_path, kind=Constant)
    with pytest.raises(NoSuggestionError):
        lr_find(trainer, num_it=40).apply(trainer)
    assert trainer.args.learning_rate == 5e-5
