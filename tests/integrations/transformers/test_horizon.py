"""The suggestion is for the training that the trainer's arguments say is to come."""

import pytest

from integrations.transformers.trainers import trainer_of
from lr_finder import lr_find
from lr_finder.curve.horizon import Horizon

RAMP = {"start_lr": 1e-4, "end_lr": 0.1, "num_it": 15, "progress": False}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "options", "horizon"),
    [
        ({"max_steps": 800}, {}, Horizon("linear", 800)),
        ({"max_steps": -1, "num_train_epochs": 2}, {}, Horizon("linear", 12)),
        ({"max_steps": 800, "lr_scheduler_type": "cosine", "warmup_steps": 3}, {}, Horizon("cosine", 800)),
        ({"max_steps": 800, "lr_scheduler_type": "polynomial"}, {}, Horizon("constant", 800)),
        ({"max_steps": 800}, {"schedule": "constant"}, Horizon("constant", 800)),
        ({"max_steps": 800}, {"total_steps": 5000}, Horizon("linear", 5000)),
    ],
)
def test_length_and_schedule_are_those_of_the_trainer_where_none_are_given(tmp_path, settings, options, horizon):
    assert lr_find(trainer_of(tmp_path, **settings), **RAMP, **options).horizon == horizon
