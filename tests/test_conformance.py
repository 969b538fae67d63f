"""Every way to run a range test gives the same rates, losses and stop as the closed form, and disturbs nothing.

A new integration is one more row in `WAYS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lr_finder import RangeTest, RangeTestResult, StopReason, lr_find
from lr_finder.learner import DataBunch, Learner
from lr_finder.preserve import preserve
from quadratic import (
    FIRST_WEIGHT,
    Quadratic,
    known_losses,
    known_reference_stop,
    known_stop,
    loader,
    mean_output,
    training,
)


@dataclass
class Run:
    """One range test and the training that it was made on."""

    result: RangeTestResult | None
    model: nn.Module
    optimizer: torch.optim.Optimizer
    error: BaseException | None = None


class Interrupting:
    """A loss function that raises at the n-th call."""

    def __init__(self, error: BaseException | None, at: int = 7):
        self.error, self.at, self.calls = error, at, 0

    def __call__(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.error is not None and self.calls == self.at:
            raise self.error
        return mean_output(output, target)


def plain(loss_fn: Any, **bounds: Any) -> Run:
    model, optimizer, _, batches = training()
    return run(model, optimizer, lambda: lr_find(model, optimizer, loss_fn, batches, **bounds))


def step_function(loss_fn: Any, **bounds: Any) -> Run:
    model, optimizer, _, batches = training()
    batch = next(iter(batches))

    def step():
        optimizer.zero_grad()
        loss = loss_fn(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss

    return run(model, optimizer, lambda: lr_find(step, optimizer=optimizer, state=[model], **bounds))


def hand_written(loss_fn: Any, **bounds: Any) -> Run:
    model, optimizer, _, batches = training()
    batch = next(iter(batches))

    def search():
        test = RangeTest(**bounds)
        with preserve(model, optimizer):
            for lr in test:
                optimizer.param_groups[0]["lr"] = lr
                optimizer.zero_grad()
                loss = loss_fn(model(batch[0]), batch[1])
                loss.backward()
                optimizer.step()
                test.record(loss)
        return test.result

    return run(model, optimizer, search)


def reference_learner(loss_fn: Any, **bounds: Any) -> Run:
    model = Quadratic()
    learner = Learner(DataBunch(loader(), loader()), model, opt_func=torch.optim.SGD, loss_func=loss_fn, wd=0.0)
    learner.create_opt(0.01, 0.0)
    return run(model, learner.opt.opt, lambda: learner.lr_find(**bounds))


def run(model: nn.Module, optimizer: torch.optim.Optimizer, search: Callable[[], RangeTestResult]) -> Run:
    try:
        return Run(search(), model, optimizer)
    except (ArithmeticError, KeyboardInterrupt) as error:
        return Run(None, model, optimizer, error)


WAYS = {
    "plain": (plain, known_stop),
    "step function": (step_function, known_stop),
    "hand-written loop": (hand_written, known_stop),
    "reference learner": (reference_learner, known_reference_stop),
}

pytestmark = pytest.mark.parametrize(("way", "stop_of"), WAYS.values(), ids=WAYS)


def test_rates_and_losses_are_those_of_the_closed_form(way, stop_of):
    done = way(mean_output, start_lr=1e-4, end_lr=0.4, num_it=30, stop_div=False)
    lrs = 1e-4 * (0.4 / 1e-4) ** (np.arange(30) / 29)
    np.testing.assert_allclose(done.result.lrs, lrs, rtol=1e-12)
    assert (done.result.lrs[0], done.result.lrs[-1]) == (1e-4, 0.4)
    np.testing.assert_allclose(done.result.losses, known_losses(done.result.lrs), rtol=1e-10)
    assert done.result.stop_reason is StopReason.COMPLETED
    assert done.result.steps_taken == 30


def test_it_stops_at_the_step_at_which_the_rule_stops_on_the_closed_form(way, stop_of):
    bounds = {"start_lr": 1e-3, "end_lr": 10, "num_it": 60}
    done = way(mean_output, **bounds)
    stop = stop_of(known_losses(np.geomspace(1e-3, 10, 60)))
    assert stop is not None
    assert len(done.result.lrs) == stop < 60
    assert done.result.stop_reason is StopReason.DIVERGED


def test_without_stop_div_it_goes_on_through_divergence(way, stop_of):
    done = way(mean_output, start_lr=1e-3, end_lr=1e3, num_it=300, stop_div=False)
    assert len(done.result.lrs) == 300
    assert not np.isfinite(done.result.losses[-1])


def test_an_infinite_loss_stops_it(way, stop_of):
    done = way(lambda output, target: mean_output(output, target) * float("inf"), num_it=20, start_lr=1e-3, end_lr=1)
    assert done.result.stop_reason is StopReason.NOT_FINITE
    assert len(done.result.lrs) == 1


def test_everything_is_put_back(way, stop_of):
    done = way(mean_output, start_lr=1e-3, end_lr=10, num_it=60)
    assert_untouched(done)


@pytest.mark.parametrize("error", [ArithmeticError("from the loss"), KeyboardInterrupt()], ids=["raises", "Ctrl-C"])
def test_everything_is_put_back_when_a_step(way, stop_of, error):
    done = way(Interrupting(error), start_lr=1e-3, end_lr=10, num_it=60)
    assert done.error is error
    assert_untouched(done)


def assert_untouched(done: Run) -> None:
    assert done.model.weight.item() == FIRST_WEIGHT
    assert done.model.weight.grad is None
    assert {group["lr"] for group in done.optimizer.param_groups} == {0.01}
    assert not done.optimizer.state
