"""Gradients: they come back bit for bit, and those that the block throws away first are not copied."""

import pytest
import torch
from torch import nn

from lr_finder import lr_find
from lr_finder.preserve import preserve
from lr_finder.preserve.gradients import ZeroedFirst


class ZeroesInPlace(torch.optim.SGD):
    def zero_grad(self, set_to_none=True):
        super().zero_grad(set_to_none=False)


def between_backward_and_step(kind=torch.optim.SGD):
    torch.manual_seed(0)
    model = nn.Linear(5, 4)
    optimizer = kind(model.parameters(), lr=0.1)
    model(torch.ones(2, 5)).square().sum().backward()
    return model, optimizer


def gradients(model):
    return [(id(parameter.grad), parameter.grad.clone()) for parameter in model.parameters()]


def are_as_before(model, before):
    return all(
        id(parameter.grad) == identity and torch.equal(parameter.grad, values)
        for parameter, (identity, values) in zip(model.parameters(), before, strict=True)
    )


def take_steps(model, optimizer, steps=3):
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(2, 5)).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW, ZeroesInPlace])
def test_a_search_between_backward_and_step_leaves_the_gradients(kind):
    model, optimizer = between_backward_and_step(kind)
    before = gradients(model)
    batches = [(torch.randn(2, 5), torch.randn(2, 4)) for _ in range(10)]
    lr_find(model, optimizer, nn.MSELoss(), batches, start_lr=1e-3, end_lr=1e-1, num_it=10, progress=False)
    assert are_as_before(model, before)


def test_gradients_that_the_block_throws_away_are_not_copied():
    model, optimizer = between_backward_and_step()
    before = gradients(model)
    with preserve(ZeroedFirst(optimizer), model, optimizer) as snapshot:
        assert snapshot.nbytes == (5 * 4 + 4) * 4
        assert all(parameter.grad is None for parameter in model.parameters())
        take_steps(model, optimizer)
        snapshot.start_over()
        assert all(parameter.grad is None for parameter in model.parameters())
        take_steps(model, optimizer)
    assert are_as_before(model, before)


def test_gradients_that_an_optimizer_zeroes_in_place_are_copied():
    model, optimizer = between_backward_and_step(ZeroesInPlace)
    before = gradients(model)
    with preserve(ZeroedFirst(optimizer), model, optimizer):
        assert are_as_before(model, before)
        take_steps(model, optimizer)
    assert are_as_before(model, before)


def test_gradients_in_memory_that_something_else_holds_are_copied():
    model, optimizer = between_backward_and_step()
    bucket = torch.zeros(5 * 4 + 4)
    model.weight.grad = bucket[:20].view(4, 5).copy_(model.weight.grad)
    model.bias.grad = bucket[20:].copy_(model.bias.grad)
    before = gradients(model)
    with preserve(ZeroedFirst(optimizer), model, optimizer):
        take_steps(model, optimizer)
        bucket.fill_(7)
    assert are_as_before(model, before)


def test_without_being_told_a_block_begins_with_the_gradients_that_there_are():
    model, optimizer = between_backward_and_step()
    before = gradients(model)
    with preserve(model, optimizer):
        assert are_as_before(model, before)
        optimizer.step()
        take_steps(model, optimizer)
    assert are_as_before(model, before)
