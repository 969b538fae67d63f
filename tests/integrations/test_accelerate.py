"""Accelerate: objects that an Accelerator has prepared, in the forms of plain PyTorch."""

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_finder import lr_find
from lr_finder.integrations import accelerate

BOUNDS = {"start_lr": 1e-4, "end_lr": 0.1, "num_it": 20}


@pytest.fixture(autouse=True)
def _fresh_state():
    """Accelerate keeps its settings for the whole process."""
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


def samples(count=60):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(count, 4, generator=generator)
    return TensorDataset(inputs, (inputs.sum(1) > 0).long() + (inputs[:, 0] > 1).long())


def parts(batch_size=8, shuffle=True, dropout=0.2):
    """A model, its optimizer and its batches, not yet prepared."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    return model, optimizer, DataLoader(samples(), batch_size=batch_size, shuffle=shuffle)


def train(accelerator, model, optimizer, loader, scheduler, epochs=2):
    """Losses of a training as Accelerate's guide has it."""
    losses = []
    for _ in range(epochs):
        for inputs, target in loader:
            with accelerator.accumulate(model):
                loss = nn.functional.cross_entropy(model(inputs), target)
                accelerator.backward(loss)
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
            losses.append(loss.item())
    return losses


def usual(accelerator, model, optimizer, loader, scheduler):
    lr_find(model, optimizer, nn.functional.cross_entropy, loader, num_it=40)


def batch_loss(accelerator, model, optimizer, loader, scheduler):
    def loss_of(model, batch):
        return {"loss": nn.functional.cross_entropy(model(batch[0]), batch[1])}

    lr_find(model, optimizer, batch_loss=loss_of, train_loader=loader, num_it=40)


def step_function(accelerator, model, optimizer, loader, scheduler):
    batches = iter(list(loader) * 40)

    def step():
        inputs, target = next(batches)
        with accelerator.accumulate(model):
            loss = nn.functional.cross_entropy(model(inputs), target)
            accelerator.backward(loss)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        return loss

    lr_find(step, optimizer=optimizer, state=[model, loader, scheduler.scheduler, accelerator], **BOUNDS)


def interrupted(accelerator, model, optimizer, loader, scheduler):
    calls = []

    def loss_fn(output, target):
        calls.append(None)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return nn.functional.cross_entropy(output, target)

    with pytest.raises(KeyboardInterrupt) as caught:
        lr_find(model, optimizer, loss_fn, loader, **BOUNDS)
    assert 0 < len(caught.value.partial_result.losses) < 12


SETTINGS = {
    "plain": {},
    "accumulation": {"gradient_accumulation_steps": 3},
    "bf16": {"mixed_precision": "bf16"},
    "accumulation and bf16": {"gradient_accumulation_steps": 3, "mixed_precision": "bf16"},
}


@pytest.mark.slow
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("warm_epochs", [0, 1], ids=["cold", "warm"])
@pytest.mark.parametrize("search", [usual, batch_loss, interrupted, step_function])
def test_training_after_a_search_is_bit_identical_to_training_without(settings, warm_epochs, search):
    def run(with_search):
        _reset()
        accelerator = Accelerator(cpu=True, **settings)
        model, optimizer, loader = parts()
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5, 0.5)
        prepared = (accelerator, *accelerator.prepare(model, optimizer, loader, scheduler))
        torch.manual_seed(2)
        train(*prepared, warm_epochs)
        if with_search and search is step_function:
            random_state = torch.get_rng_state()
            iteration = prepared[3].iteration
            search(*prepared)  # it draws its batches itself, before the search
            torch.set_rng_state(random_state)
            prepared[3].iteration = iteration
        elif with_search:
            search(*prepared)
        losses = train(*prepared)
        return [*map(torch.tensor, losses), *model.state_dict().values(), torch.tensor(accelerator.step)]

    assert all(torch.equal(a, b) for a, b in zip(run(True), run(False), strict=True))


def _reset():
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


def test_the_curve_is_that_of_plain_pytorch():
    model, optimizer, loader = parts()
    torch.manual_seed(3)
    plain = lr_find(model, optimizer, nn.functional.cross_entropy, loader, num_it=40)
    model, optimizer, loader = Accelerator(cpu=True).prepare(*parts())
    torch.manual_seed(3)
    result = lr_find(model, optimizer, nn.functional.cross_entropy, loader, num_it=40)
    np.testing.assert_array_equal(result.lrs, plain.lrs)
    np.testing.assert_array_equal(result.losses, plain.losses)


def test_the_curve_is_that_of_a_loop_under_accumulate_to_the_end_of_the_loader_and_beyond():
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=3)
    settings = {"shuffle": False, "dropout": 0}
    model, optimizer, loader = accelerator.prepare(*parts(**settings))
    result = lr_find(model, optimizer, nn.functional.cross_entropy, loader, **BOUNDS)

    model, optimizer, loader = accelerator.prepare(*parts(**settings))
    expected, losses = [], []
    while len(expected) < 20:
        for inputs, target in loader:  # 8 batches: steps after 3, 3 and 2
            with accelerator.accumulate(model):
                for group in optimizer.param_groups:
                    group["lr"] = result.lrs[len(expected)]
                loss = nn.functional.cross_entropy(model(inputs), target)
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
            losses.append(loss.item())
            if accelerator.sync_gradients:
                expected.append(np.mean(losses))
                losses.clear()
            if len(expected) == 20:
                break
    np.testing.assert_allclose(result.losses, expected, rtol=1e-6)


def test_mixed_precision_reaches_the_forward_pass():
    model, optimizer, loader = Accelerator(cpu=True, mixed_precision="bf16").prepare(*parts())
    seen = set()
    model[0].register_forward_hook(lambda module, inputs, output: seen.add(output.dtype))
    lr_find(model, optimizer, nn.functional.cross_entropy, loader, **BOUNDS)
    assert seen == {torch.bfloat16}


def test_a_step_that_the_scaler_skips_is_no_point():
    model, optimizer, loader = Accelerator(cpu=True).prepare(*parts())
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=1000)  # overflows until it has backed off
    scaled = type(optimizer)(optimizer.optimizer, scaler=scaler)
    result = lr_find(model, scaled, nn.functional.cross_entropy, loader, **BOUNDS)
    assert len(result.lrs) == 20
    assert result.lrs[0] == 1e-4
    assert scaler.get_scale() == 2.0**127


def test_the_groups_keep_their_ratio_during_the_search_and_after():
    model, _, loader = parts(batch_size=60, dropout=0)
    groups = [{"params": model[0].parameters(), "lr": 1e-4}, {"params": model[4].parameters(), "lr": 1e-2}]
    model, optimizer, loader = Accelerator(cpu=True).prepare(model, torch.optim.SGD(groups), loader)
    result = lr_find(model, optimizer, nn.functional.cross_entropy, loader)
    np.testing.assert_allclose(result.group_lrs[:, 0] * 100, result.lrs)
    assert [group["lr"] for group in optimizer.param_groups] == [1e-4, 1e-2]
    result.apply(optimizer)
    assert optimizer.optimizer.param_groups[1]["lr"] == result.suggestion.lr


def test_bad_input_is_named():
    plain_optimizer = parts()[1]
    model, optimizer, loader = Accelerator(cpu=True).prepare(*parts())
    loss_fn = nn.functional.cross_entropy
    with pytest.raises(TypeError, match="optimizer must be prepared by the Accelerator, got AdamW"):
        accelerate.lr_find(model, plain_optimizer, loss_fn, loader)
    with pytest.raises(TypeError, match="train_loader must be given with a model"):
        lr_find(model, optimizer, loss_fn)
    with pytest.raises(ValueError, match="optimizer must hold parameters of the model"):
        lr_find(nn.Linear(4, 3), optimizer, loss_fn, loader)
    with pytest.raises(ValueError, match="train_loader must yield at least one batch, got none"):
        lr_find(model, optimizer, loss_fn, [])


def test_prepared_optimizers_may_have_names():
    accelerator = Accelerator(cpu=True)
    model, optimizer, loader = accelerator.prepare(*parts())

    def step(batch):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(batch[0]), batch[1])
        accelerator.backward(loss)
        optimizer.step()
        return loss

    by_name = lr_find(step, optimizer={"only": optimizer}, train_loader=loader, state=[model, accelerator], **BOUNDS)
    listed = lr_find(step, optimizer=[optimizer], train_loader=loader, state=[model, accelerator], **BOUNDS)
    assert by_name.losses.tolist() == listed.losses.tolist()
