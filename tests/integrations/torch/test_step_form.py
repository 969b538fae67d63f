"""The form that takes a function of one training step."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from integrations.torch.classifier import BOUNDS
from lr_finder import lr_find
from quadratic import Quadratic, training


def test_a_step_function_takes_its_optimizer_by_position_too():
    model, optimizer, loss_fn, batches = training()
    (inputs, target), *_ = batches

    def step():
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), target)
        loss.backward()
        optimizer.step()
        return loss

    by_position = lr_find(step, optimizer, state=[model], **BOUNDS)
    by_name = lr_find(step, optimizer=optimizer, state=[model], **BOUNDS)
    assert by_position.losses.tolist() == by_name.losses.tolist()


def test_a_scheduler_inside_the_step_function_is_overruled_named_and_put_back():
    model, optimizer, loss_fn, batches = training(lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    inputs, target = next(iter(batches))

    def step():
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), target)
        loss.backward()
        optimizer.step()
        scheduler.step()
        return loss

    result = lr_find(step, optimizer=optimizer, state=[model, scheduler], **BOUNDS)
    np.testing.assert_allclose(result.losses, lr_find(*training(), **BOUNDS).losses, rtol=1e-12)
    assert "Something other than the search set the learning rate" in result.explain()
    assert scheduler.last_epoch == 0
    assert optimizer.param_groups[0]["lr"] == 1.0


def test_the_rate_that_a_step_sees_is_the_one_that_it_trains_with():
    model, optimizer, loss_fn, batches = training()
    inputs, target = next(iter(batches))
    seen = []

    def step():
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), target)
        loss.backward()
        optimizer.step()
        return loss

    result = lr_find(step, optimizer=optimizer, state=[model], **BOUNDS)
    assert seen == result.lrs.tolist()


def test_a_step_with_a_loader_gets_its_batches_from_the_start_in_every_ramp():
    model, optimizer, loss_fn, _ = training()
    batches = DataLoader(TensorDataset(torch.arange(10.0), torch.zeros(10)), batch_size=2, shuffle=True)
    seen = []

    def step(batch):
        inputs, target = batch
        seen.append((optimizer.param_groups[0]["lr"], inputs.tolist()))
        optimizer.zero_grad()
        loss = loss_fn(model(torch.ones_like(inputs)), target)
        loss.backward()
        optimizer.step()
        return loss

    result = lr_find(step, optimizer=optimizer, train_loader=batches, state=[model], num_it=40)
    assert result.steps_taken == len(seen)
    rates, drawn = zip(*seen, strict=True)
    second_ramp = next(i for i in range(1, len(rates)) if rates[i] < rates[i - 1])
    assert sorted(number for batch in drawn[:5] for number in batch) == list(range(10))
    assert drawn[second_ramp : second_ramp + 8] == drawn[:8]


def test_an_iterator_that_a_step_holds_is_named_when_it_ends():
    model, optimizer, loss_fn, loader = training()
    batches = iter(loader)

    def step():
        inputs, target = next(batches)
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), target)
        loss.backward()
        optimizer.step()
        return loss

    with pytest.raises(RuntimeError, match=r"train_loader=loader.*step\(batch\)") as caught:
        lr_find(step, optimizer=optimizer, state=[model], **BOUNDS)
    assert len(caught.value.partial_result.losses) == 5
    assert model.weight.item() == 3


def test_two_optimizers_in_one_step_function_share_the_sweep():
    first, second = Quadratic(), Quadratic()
    optimizers = [torch.optim.SGD(first.parameters(), lr=1.0), torch.optim.SGD(second.parameters(), lr=0.1)]

    def step():
        total = 0
        for model, optimizer in zip((first, second), optimizers, strict=True):
            optimizer.zero_grad()
            loss = model(torch.ones(1)).sum()
            loss.backward()
            optimizer.step()
            total += loss
        return total

    result = lr_find(step, optimizer=optimizers, state=[first, second], **BOUNDS)
    assert len(result.lrs) == 20
    np.testing.assert_allclose(result.group_lrs, result.lrs[:, None] * [1, 0.1])
    assert first.weight.item() == second.weight.item() == 3


def test_optimizers_may_have_names():
    model, optimizer, loss_fn, batches = training()
    other = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.001)

    def step(batch):
        optimizer.zero_grad()
        loss = loss_fn(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss

    by_name = {"model": optimizer, "other": other}
    result = lr_find(step, optimizer=by_name, train_loader=batches, state=[model], **BOUNDS)
    assert result.group_lrs.shape[1] == 2


def test_a_step_may_write_all_its_losses_into_one_tensor():
    weight = torch.ones(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    buffer, seen = torch.zeros(()), []

    def step(number):
        loss = (weight**2).sum() + number
        loss.backward()
        seen.append(loss.item())
        if len(seen) % 2 == 0:
            optimizer.step()
            optimizer.zero_grad()
        return buffer.copy_(loss.detach())

    result = lr_find(
        step, optimizer=optimizer, state=[weight, seen], train_loader=[0.0, 8.0], start_lr=1e-3, end_lr=1e-2, num_it=5
    )
    assert result.losses[0] == 5.0  # the mean of 1 and 9


def test_a_step_that_changes_its_batch_gets_it_whole_in_every_ramp():
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    seen = []

    def batches():
        while True:
            inputs = torch.ones(8, 4)
            yield {"inputs": inputs, "targets": torch.zeros(8, 1)}

    def step(batch):
        targets = batch.pop("targets")
        seen.append(batch["inputs"].max().item())
        loss = (model(batch["inputs"].mul_(2)) - targets).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    lr_find(step, optimizer=optimizer, train_loader=batches(), state=[model], num_it=60, max_it=60)
    assert set(seen) == {1.0}


def test_a_step_may_load_the_state_of_its_optimizer():
    model = nn.Linear(4, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs = torch.randn(64, 4)

    def step():
        optimizer.load_state_dict(optimizer.state_dict())
        optimizer.zero_grad()
        loss = (model(inputs) - 1).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    result = lr_find(step, optimizer=optimizer, state=[model], start_lr=1e-4, end_lr=10, num_it=60)
    assert result.losses.min() < 0.95 * result.losses[0]
