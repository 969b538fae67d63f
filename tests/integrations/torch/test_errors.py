"""Bad input is named with its rule and value; what was measured is left on what ends a search."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from integrations.torch.classifier import BOUNDS
from lr_finder import StopReason, lr_find
from quadratic import Quadratic, mean_output, training


def test_what_was_measured_is_left_on_the_exception_that_ends_the_search():
    calls = []

    def interrupted(output, target):
        calls.append(None)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return mean_output(output, target)

    model, optimizer, _, batches = training()
    with pytest.raises(KeyboardInterrupt) as caught:
        lr_find(model, optimizer, interrupted, batches, **BOUNDS)
    partial = caught.value.partial_result
    assert len(partial.losses) == 7
    assert partial.stop_reason is StopReason.INTERRUPTED


class DeepSpeedEngine(Quadratic):
    """Stands for DeepSpeed's, whose package is not among those of the tests."""


MODEL, OPTIMIZER, LOSS_FN, BATCHES = training()

USUAL = {"optimizer": OPTIMIZER, "loss_fn": LOSS_FN, "train_loader": BATCHES}

BAD_CALLS = {
    "num_it": (MODEL, {"num_it": 1}, ValueError, "num_it must be at least 2, got 1"),
    "start_lr": (MODEL, {"start_lr": 0}, ValueError, "start_lr must be finite and greater than 0, got 0"),
    "range": (MODEL, {"start_lr": 1, "end_lr": 0.1}, ValueError, "start_lr must be smaller than end_lr, got 1 and 0.1"),
    "groups": (
        MODEL,
        {"start_lr": [1e-3, 1e-3], "end_lr": 1},
        ValueError,
        r"one rate per parameter group \(1\), got 2",
    ),
    "wd": (MODEL, {"wd": -1}, ValueError, "wd must be a finite number of at least 0, got -1"),
    "empty loader": (MODEL, {"train_loader": []}, ValueError, "train_loader must yield at least one batch, got none"),
    "empty iterator": (MODEL, {"train_loader": iter([])}, ValueError, "train_loader must yield at least one batch"),
    "no loader": (
        MODEL,
        {"train_loader": None},
        TypeError,
        r"train_loader must be given with a model: lr_find\(model, opt",
    ),
    "loader": (MODEL, {"train_loader": 3}, TypeError, "train_loader must be iterable and yield batches, got int"),
    "batch": (
        MODEL,
        {"train_loader": torch.ones(3, 1)},
        TypeError,
        r"got a tensor: DataLoader\(TensorDataset\(inputs, targets\)",
    ),
    "vector": (MODEL, {"loss_fn": lambda out, _: out}, ValueError, r"loss_fn must return a scalar, .* shape \(2, 1\)"),
    "number": (
        MODEL,
        {"loss_fn": lambda out, _: 1.0},
        TypeError,
        r"loss_fn must return a tensor with one element, got float; leave out item\(\)",
    ),
    "no return": (MODEL, {"loss_fn": lambda out, _: None}, TypeError, "got NoneType; is its return missing"),
    "count": (MODEL, {"loss_fn": lambda out, _: out.argmax()}, ValueError, "a gradient, got numbers of torch.int64"),
    "detached": (MODEL, {"loss_fn": lambda out, _: out.mean().detach()}, ValueError, r"leave out detach\(\) and"),
    "text for a loader": (MODEL, {"train_loader": "data/"}, TypeError, "train_loader must be iterable .* got str"),
    "loaders by name": (MODEL, {"train_loader": {"a": BATCHES}}, TypeError, "got a mapping with 'a': give one of them"),
    "class of a loader": (MODEL, {"train_loader": DataLoader}, TypeError, "got the class DataLoader: DataLoader"),
    "loader as loss": (MODEL, {"loss_fn": BATCHES, "train_loader": LOSS_FN}, TypeError, "loss_fn .* the order is lr_f"),
    "loader first": (BATCHES, {"optimizer": OPTIMIZER}, TypeError, "the model comes first, got DataLoader; the order"),
    "text for a rate": (MODEL, {"start_lr": "1e-5"}, TypeError, "start_lr must be a number, .* got '1e-5'"),
    "text for stop_div": (MODEL, {"stop_div": "no"}, TypeError, "stop_div must be True or False, got 'no'"),
    "text for progress": (MODEL, {"progress": "no"}, TypeError, "progress must be True, False or None, got 'no'"),
    "max_it below num_it": (
        MODEL,
        {"max_it": 1},
        ValueError,
        r"max_it .* num_it \(100\), got 1; give a smaller num_it",
    ),
    "a name of others": (MODEL, {"optimizer": None, "optim": OPTIMIZER}, TypeError, "plain PyTorch that is optimizer"),
    "no gradient": (
        MODEL,
        {"loss_fn": lambda _, y: y.sum()},
        ValueError,
        "must depend on the model's trainable parameters",
    ),
    "no parameters": (
        nn.ReLU(),
        {},
        ValueError,
        "model must have parameters that require a gradient, and ReLU has none",
    ),
    "other parameters": (nn.Linear(1, 1), {}, ValueError, "optimizer must hold parameters of the model"),
    "no optimizer": (MODEL, {"optimizer": None}, TypeError, "optimizer must be given with a model"),
    "class of an optimizer": (MODEL, {"optimizer": torch.optim.SGD}, TypeError, r"the class SGD: SGD\(model\.param"),
    "another optimizer": (
        MODEL,
        {"optimizer": 3},
        TypeError,
        "optimizer must be a torch optimizer, got int; the order is",
    ),
    "scheduler": (
        MODEL,
        {"optimizer": torch.optim.lr_scheduler.StepLR(torch.optim.SGD([torch.ones(1)], 0.1), 1)},
        TypeError,
        "got StepLR; give the one that it schedules, scheduler.optimizer",
    ),
    "the tensors of a batch": (
        MODEL,
        {"train_loader": (torch.ones(4, 1), torch.ones(4, 1))},
        TypeError,
        r"got the tensors of one: DataLoader\(TensorDataset\(inputs, targets\)",
    ),
    "autocast by another name": (
        MODEL,
        {"amp": True},
        TypeError,
        "no argument 'amp' here; in plain PyTorch .* autocast",
    ),
    "steps": (MODEL, {"steps": 100}, TypeError, "no argument 'steps' here; that is num_it"),
    "class of a loss": (MODEL, {"loss_fn": nn.MSELoss}, TypeError, r"got the class MSELoss: MSELoss\(\)"),
    "loss by name": (MODEL, {"loss_fn": "mse"}, TypeError, "loss_fn must be a function .* got 'mse'"),
    "both losses": (MODEL, {"batch_loss": LOSS_FN}, ValueError, "batch_loss takes the place of loss_fn, got both"),
    "data set": (MODEL, {"train_loader": BATCHES.dataset}, TypeError, r"a data set, TensorDataset: DataLoader\("),
    "swapped": (OPTIMIZER, {"optimizer": MODEL}, TypeError, "the model comes first"),
    "meta": (nn.Linear(1, 1, device="meta"), {}, ValueError, 'parameters on the "meta" device'),
    "loss missing": (
        MODEL,
        {"loss_fn": None, "batch_loss": lambda model, _: {"a": 1.0, "b": 2.0}},
        TypeError,
        r"must hold the loss as \"loss\", got 'a', 'b'; for a dictionary of losses return sum\(losses\.values\(\)\)",
    ),
    "accumulation": (
        MODEL,
        {"accumulation_steps": 0},
        ValueError,
        "accumulation_steps must be a whole number of at least 1, got 0",
    ),
    "scaler": (MODEL, {"scaler": 3}, TypeError, "scaler must be a torch.amp.GradScaler, got int"),
    "autocast": (MODEL, {"autocast": "bf16"}, TypeError, "autocast must be True, a torch dtype .* got 'bf16'"),
    "wd of another kind": (MODEL, {"wd": "a"}, ValueError, "wd must be a finite number of at least 0, got a"),
    "process group": (
        MODEL,
        {"process_group": True},
        TypeError,
        "process_group must be a ProcessGroup, got True; .*WORLD",
    ),
    "DeepSpeed": (DeepSpeedEngine(), {}, TypeError, r"engine.step\(\).*lr_find\(step, optimizer=engine.optimizer"),
    "state": (MODEL, {"state": BATCHES}, TypeError, "state must be a list .* got DataLoader"),
    "dictionary": ({}, {}, TypeError, "does not know what to do with dict; it takes"),
    "class": (Quadratic, {}, TypeError, r"got the class Quadratic: make one of it, Quadratic\(\.\.\.\)"),
}


@pytest.mark.parametrize(("model", "changes", "error", "message"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_bad_input_is_named_with_its_rule_and_value_and_nothing_is_disturbed(model, changes, error, message):
    with pytest.raises(error, match=message):
        lr_find(model, **(USUAL | changes))
    assert MODEL.weight.item() == 3
    assert MODEL.weight.grad is None
    assert OPTIMIZER.param_groups[0]["lr"] == 0.01
    assert not OPTIMIZER.state


def returns(loss):
    return lambda: loss


def test_what_is_trained_comes_first_and_without_a_name():
    with pytest.raises(TypeError, match=r"what is trained first, and without a name: lr_find\(model, \.\.\.\)"):
        lr_find(model=MODEL, **USUAL)


BAD_STEPS = {
    "no optimizer": (
        {},
        TypeError,
        r"lr_find\(step, optimizer=optimizer, train_loader=train_loader, state=\[model\]\)",
    ),
    "not stepped": ({"optimizer": OPTIMIZER}, RuntimeError, "no optimizer step was taken in 1000"),
    "loss_fn": ({"optimizer": OPTIMIZER, "loss_fn": LOSS_FN}, TypeError, "loss_fn goes with a model"),
    "loader in its place": (
        {"optimizer": OPTIMIZER, "loss_fn": BATCHES},
        TypeError,
        "where that is its loader: lr_find",
    ),
    "step without a batch": (
        {"optimizer": OPTIMIZER, "train_loader": BATCHES},
        TypeError,
        r"gets the batch of a loader, got step\(\); either def step\(\) alone, or def step\(batch\)",
    ),
    "text": ({"optimizer": "SGD"}, TypeError, "optimizer must be a torch optimizer or several, got str"),
    "none": ({"optimizer": None}, TypeError, "optimizer must be given with a step function"),
    "state": ({"optimizer": OPTIMIZER, "state": [3]}, TypeError, r"preserve\(\) takes .* got int"),
}


@pytest.mark.parametrize(("keywords", "error", "message"), BAD_STEPS.values(), ids=BAD_STEPS)
def test_a_bad_step_call_is_named(keywords, error, message):
    with pytest.raises(error, match=message):
        lr_find(returns(torch.tensor(1.0)), **keywords)


def test_a_step_that_wants_a_batch_is_told_where_to_get_one():
    with pytest.raises(TypeError, match=r"takes no argument without a loader, got step\(batch\).*train_loader=loader"):
        lr_find(lambda batch: batch, optimizer=OPTIMIZER)


def test_an_optimizer_of_frozen_parameters_is_told_so():
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    model[0].requires_grad_(False)
    with pytest.raises(ValueError, match="all of its own are frozen: AdamW"):
        lr_find(model, torch.optim.SGD(model[0].parameters(), 0.1), LOSS_FN, BATCHES)


def test_what_an_iterator_gave_is_told_to_be_gone():
    result = lr_find(MODEL, OPTIMIZER, LOSS_FN, iter(list(BATCHES) * 40), start_lr=1e-3, end_lr=1, num_it=20)
    assert "train_loader was an iterator, and what the search took from it is gone" in result.explain()


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [(None, TypeError, "must return the loss"), (torch.ones(2), ValueError, r"must be a scalar, .* shape \(2,\)")],
)
def test_a_step_must_return_its_loss(loss, error, message):
    def step():
        OPTIMIZER.step()
        return loss

    with pytest.raises(error, match=message):
        lr_find(step, optimizer=OPTIMIZER)
