"""Optimizers, schedulers and gradient scalers: groups, types of hyper-parameters, state, and what belongs to them."""

import pytest
import torch
from torch import nn, optim

from lr_finder.preserve import preserve
from preserve.fingerprint import fingerprint
from preserve.models import mlp


def stepped(model, optimizer):
    model(torch.ones(2, 8)).sum().backward()
    optimizer.step()


def test_a_cold_optimizer_costs_nothing_and_is_cold_again():
    model = mlp()
    optimizer = optim.AdamW(model.parameters())
    with preserve(model) as alone, preserve(model, optimizer) as both:
        assert both.nbytes == alone.nbytes
        stepped(model, optimizer)
        assert optimizer.state
    assert not optimizer.state


def test_the_parameters_of_an_optimizer_are_found():
    model = mlp()
    optimizer = optim.AdamW(model.parameters())
    before = fingerprint(model, optimizer)
    with preserve(optimizer):
        stepped(model, optimizer)
    assert fingerprint(model, optimizer) == before


def test_the_optimizer_of_a_scheduler_is_found():
    model = mlp()
    optimizer = optim.AdamW(model.parameters())
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    before = fingerprint(model, optimizer, scheduler)
    with preserve(scheduler):
        stepped(model, optimizer)
        scheduler.step()
    assert fingerprint(model, optimizer, scheduler) == before


class Halving:
    """Halves the rate each time that it is asked, whatever the epoch."""

    def __init__(self):
        self.factor = 2.0

    def __call__(self, epoch):
        self.factor /= 2
        return self.factor


@pytest.mark.parametrize("kind", [optim.lr_scheduler.LambdaLR, optim.lr_scheduler.MultiplicativeLR])
def test_what_a_scheduler_calls_comes_back(kind):
    optimizer = optim.SGD(mlp().parameters())
    scheduler = kind(optimizer, Halving())
    before = fingerprint(scheduler)
    with preserve(scheduler):
        optimizer.step(), scheduler.step()
    assert fingerprint(scheduler) == before


def test_a_tensor_rate_is_filled_and_not_replaced():
    rate = torch.tensor(0.01)
    optimizer = optim.SGD([nn.Parameter(torch.ones(1))], lr=rate)
    with preserve(optimizer):
        rate.fill_(5.0)
        optimizer.param_groups[0]["lr"] = 0.3
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate == torch.tensor(0.01)


def test_hyper_parameters_keep_their_types():
    optimizer = optim.AdamW([nn.Parameter(torch.ones(1))], lr=1, betas=(0.9, 0.95))
    before = dict(optimizer.param_groups[0])
    with preserve(optimizer):
        optimizer.param_groups[0].update(lr=0.5, betas=[0.1, 0.2], initial_lr=3)
    assert optimizer.param_groups[0] == before
    assert type(optimizer.param_groups[0]["lr"]) is int


def test_a_scheduler_made_in_the_block_leaves_no_trace():
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    before = fingerprint(optimizer)
    with preserve(optimizer):
        optim.lr_scheduler.OneCycleLR(optimizer, 1.0, 10)
    assert fingerprint(optimizer) == before
    assert "step" not in vars(optimizer)


def test_a_gradient_scaler_made_ready_in_the_block_is_as_it_was():
    model = mlp()
    optimizer, scaler = optim.SGD(model.parameters(), lr=0.1), torch.amp.GradScaler("cpu")
    before = fingerprint(scaler)
    with preserve(model, optimizer, scaler):
        scaler.scale(model(torch.ones(2, 8)).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        assert fingerprint(scaler) != before
    assert fingerprint(scaler) == before


class Plain:
    """What a training uses of an optimizer, and nothing of torch's class."""

    def __init__(self, parameters):
        self.param_groups = [{"params": list(parameters), "lr": 0.1}]


class Wrapper:
    def __init__(self, optimizer):
        self.optimizer = optimizer


def test_an_optimizer_that_another_wraps_comes_back_whatever_its_class():
    optimizer = Plain(mlp().parameters())
    with preserve(Wrapper(optimizer)):
        optimizer.param_groups[0]["lr"] = 3.0
    assert optimizer.param_groups[0]["lr"] == 0.1


class Preconditioner:
    """State of an optimizer in an object, as Shampoo has it."""

    def __init__(self, size):
        self.factor = torch.eye(size)
        self.updates = 0


def test_objects_in_an_optimizers_state_come_back():
    parameter = nn.Parameter(torch.ones(2))
    optimizer = optim.SGD([parameter], lr=0.1)
    optimizer.state[parameter]["preconditioner"] = Preconditioner(2)
    before = fingerprint(optimizer)
    with preserve(optimizer):
        optimizer.state[parameter]["preconditioner"].factor += 1
        optimizer.state[parameter]["preconditioner"].updates += 1
    assert fingerprint(optimizer) == before
