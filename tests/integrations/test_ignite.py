"""Ignite engines: their process function on the data, with no event fired."""

from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_finder import lr_find
from quadratic import Quadratic, mean_output
from ways.ignite import Checkpoint, DiskSaver, Engine, Events, Timer, create_supervised_trainer

BOUNDS = {"start_lr": 1e-4, "end_lr": 0.1, "num_it": 20}
INPUTS = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
DATA = TensorDataset(INPUTS, (INPUTS.sum(1) > 0).long() + (INPUTS[:, 0] > 1))


def parts(**options):
    """A trainer with its optimizer, data and model, as a fresh process would make them."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    trainer = create_supervised_trainer(model, optimizer, nn.CrossEntropyLoss(), **options)
    return trainer, optimizer, DataLoader(DATA, 8, shuffle=True), model


@pytest.mark.parametrize("is_warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("is_interrupted", [False, True], ids=["complete", "interrupted"])
def test_training_after_a_search_is_bit_identical_to_training_without(is_warm, is_interrupted):
    def train(with_search):
        trainer, optimizer, data, model = parts()
        losses, events = [], []
        trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: losses.append(engine.state.output))
        trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda engine: events.append(engine.state.epoch))
        if is_warm:
            trainer.run(data, max_epochs=2)
        if with_search:
            before = list(losses), dict(vars(trainer.state))
            with interrupted_at(model, 5) if is_interrupted else nullcontext():
                lr_find(trainer, optimizer=optimizer, data=data, state=[model])
            assert (losses, vars(trainer.state)) == before
        trainer.run(data, max_epochs=4)
        return losses, events, model.state_dict()

    (losses, events, weights), (losses_after, events_after, weights_after) = train(False), train(True)
    assert (losses_after, events_after) == (losses, events)
    for name, tensor in weights.items():
        assert torch.equal(weights_after[name], tensor), name


@contextmanager
def interrupted_at(model, call):
    """Ctrl-C at one call of the model."""
    calls = []

    def interrupt(*_):
        calls.append(None)
        if len(calls) == call:
            raise KeyboardInterrupt

    hook = model.register_forward_hook(interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        yield
    hook.remove()
    assert len(caught.value.partial_result.losses) == call - 1


def test_a_handler_searches_before_the_training_and_sets_the_rate():
    trainer, optimizer, data, model = parts()
    rates = []

    @trainer.on(Events.STARTED)
    def search(engine):
        lr_find(engine, optimizer=optimizer, data=engine.state.dataloader, state=[model]).apply(optimizer)

    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: rates.append(optimizer.param_groups[0]["lr"]))
    trainer.run(data, max_epochs=1)
    assert trainer.state.iteration == len(rates) == 8
    assert set(rates) == {optimizer.param_groups[0]["lr"]}
    assert rates[0] != 0.01


def test_accumulated_batches_are_one_step():
    model = Quadratic()
    optimizer = torch.optim.SGD(model.parameters(), lr=1)
    trainer = create_supervised_trainer(model, optimizer, mean_output, gradient_accumulation_steps=4)
    ones = torch.ones(3, 1, dtype=torch.float64)
    result = lr_find(trainer, optimizer=optimizer, data=[(ones, ones)], state=[model], **BOUNDS)
    weights = 3 * np.concatenate([[1.0], np.cumprod(1 - 4 * result.lrs[:-1])])
    np.testing.assert_allclose(result.losses, 2 * weights**2)


OUTPUTS = {
    "number": (None, lambda x, y, y_pred, loss: loss.item()),
    "tensor": (None, lambda x, y, y_pred, loss: loss),
    "mapping": (None, lambda x, y, y_pred, loss: {"y_pred": y_pred, "loss": loss.item()}),
    "tuple": (lambda output: output[1], lambda x, y, y_pred, loss: (y_pred, loss.item())),
}


@pytest.mark.parametrize(("transform", "output"), OUTPUTS.values(), ids=OUTPUTS)
def test_the_loss_is_found_in_every_usual_output(transform, output):
    def losses(transform, **options):
        trainer, optimizer, data, model = parts(**options)
        return lr_find(
            trainer, optimizer=optimizer, data=data, state=[model], output_transform=transform, **BOUNDS
        ).losses

    np.testing.assert_allclose(losses(transform, output_transform=output), losses(None), rtol=1e-6)


def test_the_curve_is_that_of_plain_pytorch():
    trainer, optimizer, data, model = parts()
    ours = lr_find(trainer, optimizer=optimizer, data=data, state=[model], **BOUNDS)
    plain = lr_find(model, optimizer, nn.CrossEntropyLoss(), data, **BOUNDS)
    np.testing.assert_allclose(ours.losses, plain.losses, rtol=1e-6)


def test_events_that_the_process_function_fires_reach_no_handler():
    trainer, optimizer, data, model = parts()
    process, calls = trainer._process_function, []

    def firing(engine, batch):
        engine.fire_event(Events.COMPLETED)
        return process(engine, batch)

    trainer = Engine(firing)
    trainer.add_event_handler(Events.COMPLETED, lambda: calls.append(None))
    lr_find(trainer, optimizer=optimizer, data=data, state=[model], **BOUNDS)
    assert not calls
    trainer.fire_event(Events.COMPLETED)
    assert len(calls) == 1


def test_what_can_not_work_is_refused_by_name():
    trainer, optimizer, data, _ = parts(output_transform=lambda x, y, y_pred, loss: (y_pred, loss))
    with pytest.raises(TypeError, match="output_transform must be given"):
        lr_find(trainer, optimizer=optimizer, data=data)
    with pytest.raises(TypeError, match="data must be iterable"):
        lr_find(trainer, optimizer=optimizer, data=3)
    with pytest.raises(ValueError, match="data must yield at least one batch"):
        lr_find(trainer, optimizer=optimizer, data=[])
    with pytest.raises(TypeError, match="optimizer must be a torch optimizer"):
        lr_find(trainer, optimizer=["Adam"], data=data)


def test_apply_takes_the_optimizer_and_not_the_engine():
    trainer, optimizer, data, model = parts()
    result = lr_find(trainer, optimizer=optimizer, data=data, state=[model])
    with pytest.raises(TypeError, match=r"apply\(\) takes an optimizer .*got Engine"):
        result.apply(trainer)


def test_the_process_function_finds_the_state_of_a_run(tmp_path):
    trainer, optimizer, data, model = parts()
    process, seen, started = trainer._process_function, [], []

    def looking(engine, batch):
        state = engine.state
        assert state.dataloader is data
        assert not state.metrics
        state.factor = 0.9 * state.factor
        seen.append((state.iteration, state.epoch, state.epoch_length, state.max_epochs, state.factor))
        return process(engine, batch)

    trainer = Engine(looking)

    @trainer.on(Events.STARTED)
    def make_state(engine):
        started.append(engine.state.iteration)
        engine.state.factor = 1.0

    checkpoint = Checkpoint({"model": model}, DiskSaver(tmp_path, require_empty=False))
    trainer.add_event_handler(Events.STARTED, checkpoint)
    trainer.add_event_handler(Events.STARTED, Timer().reset)
    lr_find(trainer, optimizer=optimizer, data=data, state=[model], max_epochs=3, **BOUNDS)
    in_trial = list(seen)
    assert len(started) == 1
    assert not list(tmp_path.iterdir())
    assert not hasattr(trainer.state, "factor")
    assert trainer.state.max_epochs is None
    seen.clear()
    trainer.run(data, max_epochs=3)
    assert in_trial == seen[: len(in_trial)]


def test_a_run_that_is_under_way_is_not_started_again():
    trainer, optimizer, data, model = parts()
    calls = []
    trainer.add_event_handler(Events.STARTED, lambda: calls.append(None))
    trainer.add_event_handler(
        Events.STARTED, lambda engine: lr_find(engine, optimizer=optimizer, data=data, state=[model], **BOUNDS)
    )
    trainer.run(data, max_epochs=1)
    assert len(calls) == 1


def test_an_epoch_may_be_shorter_than_the_data():
    trainer, optimizer, data, model = parts()
    process, epochs = trainer._process_function, []

    def looking(engine, batch):
        epochs.append(engine.state.epoch)
        return process(engine, batch)

    lr_find(Engine(looking), optimizer=optimizer, data=data, state=[model], epoch_length=5, **BOUNDS)
    assert epochs == [1 + step // 5 for step in range(20)]


def test_optimizers_of_different_classes_are_searched_by_group():
    _, adamw, data, model = parts()
    sgd = torch.optim.SGD([adamw.param_groups[0]["params"].pop()], lr=0.1)

    def process(engine, batch):
        loss = nn.functional.cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        for optimizer in (adamw, sgd):
            optimizer.step()
            optimizer.zero_grad()
        return loss.item()

    result = lr_find(Engine(process), optimizer=[adamw, sgd], data=data, state=[model], num_it=60)
    assert result.curve.optimizers == ("AdamW", "SGD")
    assert "Each parameter group's rate was searched for alone" in result.explain()
