"""The reference's own test on images, with digits in the place of its downloaded ones."""

import numpy as np
import pytest
import torch
from torch import nn

from learner.learners import digits
from lr_finder import StopReason
from lr_finder.learner import Learner, accuracy


@pytest.fixture(scope="module")
def learn():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 10)
    )
    learn = Learner(digits(batch_size=32), model, metrics=[accuracy], silent=True)
    learn.fit_one_cycle(3, 1e-2)
    return learn


def test_1cycle_lrs(learn):
    assert learn.recorder.lrs[0] < 0.001
    assert learn.recorder.lrs[-1] < 0.0001
    assert np.max(learn.recorder.lrs) == 1e-2


def test_1cycle_moms(learn):
    assert learn.recorder.moms[0] == 0.95
    assert learn.recorder.moms[-1] == pytest.approx(0.95, abs=0.01)
    assert np.min(learn.recorder.moms) == 0.85


def test_accuracy(learn):
    _, measured = learn.validate()
    assert measured > 0.8


def test_lrfind(learn):
    result = learn.lr_find(start_lr=1e-5, end_lr=1e-3, num_it=15)
    assert len(learn.recorder.lrs) == 15
    assert (learn.recorder.lrs[0], learn.recorder.lrs[-1]) == (1e-5, 1e-3)
    assert result.stop_reason is StopReason.COMPLETED
