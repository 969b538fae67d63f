"""The commands of the reference's page, one after another as it shows them, on digits."""

import re
from functools import partial

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn

from learner.learners import digits
from lr_finder.learner import Learner, accuracy

COMPLETE = "LR Finder is complete, type {learner_name}.recorder.plot() to see the graph.\n"


def simple_learner():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 50), nn.ReLU(), nn.Linear(50, 10))
    return Learner(digits(), model, metrics=[accuracy])


def row(*cells):
    """A row of the printed table, as a pattern."""
    return r"\s+".join(cells) + r"\s*\n"


def drawn():
    """The axes drawn last, and the lines on them."""
    ax = plt.gca()
    return ax, ax.get_lines()


@pytest.fixture
def printed(capsys):
    """What was printed since the last call, on standard output."""
    return lambda: capsys.readouterr().out


def test_the_page_works_as_it_shows(printed):
    learn = simple_learner()
    weights = [parameter.clone() for parameter in learn.model.parameters()]

    learn.lr_find()
    assert printed() == COMPLETE

    learn.recorder.plot()
    ax, lines = drawn()
    assert ax.get_xscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Learning Rate", "Loss")
    assert list(lines[0].get_xdata()) == learn.recorder.lrs[10:-5]
    assert list(lines[0].get_ydata()) == [loss.item() for loss in learn.recorder.losses[10:-5]]
    assert len(lines) == 1
    assert printed() == ""

    learn.lr_find(stop_div=False, num_it=200)
    assert printed() == COMPLETE
    assert len(learn.recorder.lrs) == 200
    assert (learn.recorder.lrs[0], learn.recorder.lrs[-1]) == (1e-7, 10)

    learn.recorder.plot(suggestion=True)
    min_grad_lr = learn.recorder.min_grad_lr
    lowest = learn.recorder.lrs[10:-5][int(torch.stack(learn.recorder.losses[10:-5]).argmin())]
    assert printed() == f"Min numerical gradient: {min_grad_lr:.2E}\nMin loss divided by 10: {lowest / 10:.2E}\n"
    _, (_, dot) = drawn()
    assert dot.get_color() == "red"
    assert dot.get_marker() == "o"
    assert list(dot.get_xdata()) == [min_grad_lr]
    assert 1e-4 < min_grad_lr < 0.1

    for parameter, before in zip(learn.model.parameters(), weights, strict=True):
        assert torch.equal(parameter, before)

    losses = {}
    for lr in (min_grad_lr, 1e-2, 1e-0, 1e-3):
        learn = simple_learner()
        learn.fit(2, lr)
        losses[lr] = learn.recorder.val_losses[-1]
        number = r"\d+\.\d{6}"
        names = row("epoch", "train_loss", "valid_loss", "accuracy", "time")
        first, second = (row(str(epoch), number, number, number, r"\d\d:\d\d") for epoch in (0, 1))
        assert re.fullmatch(names + first + second, printed())
    # The page's point: before the slope training is slow, at the minimum and above it goes wrong.
    assert losses[min_grad_lr] < losses[1e-3]
    assert losses[1e-2] < losses[1e-3]
    assert losses[1e-2] < losses[1e-0]
    assert losses[min_grad_lr] < losses[1e-0]


def test_nothing_is_shown_in_a_pipe_but_the_lines_of_the_page(capsys):
    learn = simple_learner()
    learn.lr_find(num_it=10)
    learn.fit(1, 1e-3)
    assert capsys.readouterr().err == ""


def test_other_optimizers_follow_the_page_too(printed):
    learn = simple_learner()
    learn.opt_func = partial(torch.optim.SGD, momentum=0.9)
    learn.lr_find()
    learn.recorder.plot(suggestion=True)
    assert learn.recorder.moms == [0.9] * len(learn.recorder.lrs)
    assert "Min numerical gradient: " in printed()
