"""Plain PyTorch, a step function, and a hand-written loop, on the quadratic."""

from collections.abc import Callable
from typing import Any

import torch

from lr_finder import RangeTest, lr_find
from lr_finder.preserve import preserve
from quadratic import FIRST_WEIGHT, Run, mean_output, run, training

Fault = Callable[[], float]
"""Called once in every step: the factor on its loss, or an exception."""


def faulty(fault: Fault) -> Callable[..., torch.Tensor]:
    """The quadratic's loss function with a fault in it."""
    return lambda output, target: mean_output(output, target) * fault()


def untouched(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Callable[[], None]:
    """Checks that a quadratic and its optimizer are as `training` made them."""

    def check() -> None:
        assert model.weight.item() == FIRST_WEIGHT
        assert model.weight.grad is None
        assert {group["lr"] for group in optimizer.param_groups} == {0.01}
        assert not optimizer.state

    return check


def plain(fault: Fault, **bounds: Any) -> Run:
    model, optimizer, _, batches = training()
    return run(lambda: lr_find(model, optimizer, faulty(fault), batches, **bounds), untouched(model, optimizer))


def step_function(fault: Fault, **bounds: Any) -> Run:
    model, optimizer, _, batches = training()
    inputs, target = next(iter(batches))

    def step():
        optimizer.zero_grad()
        loss = faulty(fault)(model(inputs), target)
        loss.backward()
        optimizer.step()
        return loss

    return run(lambda: lr_find(step, optimizer=optimizer, state=[model], **bounds), untouched(model, optimizer))


def hand_written(fault: Fault, **bounds: Any) -> Run:
    model, optimizer, _, batches = training()
    inputs, target = next(iter(batches))

    def search():
        test = RangeTest(**bounds)
        with preserve(model, optimizer):
            for lr in test:
                optimizer.param_groups[0]["lr"] = lr
                optimizer.zero_grad()
                loss = faulty(fault)(model(inputs), target)
                loss.backward()
                optimizer.step()
                test.record(loss)
        return test.result

    return run(search, untouched(model, optimizer))
