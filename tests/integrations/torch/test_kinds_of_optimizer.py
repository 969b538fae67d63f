"""Whatever steps like an optimizer is one, and what its rate is; real ones, and small ones built like real ones."""

import sys

import numpy as np
import prodigyopt
import pytest
import schedulefree
import torch
import torch_optimizer
import transformers
from torch import nn

from integrations.torch.classifier import BOUNDS
from lr_finder import NoSuggestionError, lr_find
from quadratic import training


class Descent:
    """What a training uses of an optimizer, and nothing of torch's class."""

    def __init__(self, parameters, lr):
        self.param_groups = [{"params": list(parameters), "lr": lr}]

    def zero_grad(self):
        for parameter in self.param_groups[0]["params"]:
            parameter.grad = None

    def step(self):
        for parameter in self.param_groups[0]["params"]:
            parameter.data -= self.param_groups[0]["lr"] * parameter.grad


class Wrapped:
    """Wraps an optimizer as those for half precision did."""

    def __init__(self, optimizer):
        self.optimizer = optimizer

    @property
    def param_groups(self):
        return self.optimizer.param_groups

    def zero_grad(self):
        self.optimizer.zero_grad()

    def step(self):
        self.optimizer.step()


class Delegating(torch.optim.Optimizer):
    """Is one of torch by its class, and has all else from the one that it wraps."""

    def __init__(self, optimizer):
        self.optimizer = optimizer

    def __getattr__(self, name):
        return getattr(self.__dict__["optimizer"], name)

    def step(self, closure=None):
        return self.optimizer.step(closure)


class SAM(torch.optim.Optimizer):
    """Sharpness-aware minimization, as its implementations have it: up, and down with the gradient from there."""

    def __init__(self, parameters, base_optimizer, rho, **options):
        super().__init__(parameters, {"rho": rho, **options})
        self.base_optimizer = base_optimizer(self.param_groups, **options)
        self.param_groups = self.base_optimizer.param_groups

    @torch.no_grad()
    def first_step(self):
        (parameter,) = self.param_groups[0]["params"]
        self.state[parameter]["offset"] = self.param_groups[0]["rho"] * parameter.grad.sign()
        parameter += self.state[parameter]["offset"]
        self.zero_grad()

    @torch.no_grad()
    def second_step(self):
        (parameter,) = self.param_groups[0]["params"]
        parameter -= self.state[parameter]["offset"]
        self.base_optimizer.step()

    def step(self, closure=None):
        assert closure is not None, "SAM needs a closure"
        self.first_step()
        closure()
        self.second_step()


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=1.0)


OPTIMIZERS = {
    "duck-typed": lambda parameters: Descent(parameters, lr=1.0),
    "wraps a duck-typed one": lambda parameters: Wrapped(Descent(parameters, lr=1.0)),
    "wraps one of torch": lambda parameters: Wrapped(sgd(parameters)),
    "delegates": lambda parameters: Delegating(sgd(parameters)),
    "wraps one that wraps": lambda parameters: Wrapped(Wrapped(sgd(parameters))),
    "never initialized": lambda parameters: torch_optimizer.Lookahead(sgd(parameters), k=1, alpha=1.0),
    "SAM": lambda parameters: SAM(parameters, torch.optim.SGD, rho=0.0, lr=1.0),
    "a NumPy rate": lambda parameters: torch.optim.SGD(parameters, lr=np.float64(1.0)),
    "an array without dimensions": lambda parameters: torch.optim.SGD(parameters, lr=np.array(1.0)),
    "a tensor rate": lambda parameters: torch.optim.SGD(parameters, lr=torch.tensor(1.0, dtype=torch.float64)),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_whatever_steps_like_an_optimizer_is_one(make):
    model, _, loss_fn, batches = training()
    optimizer = make(model.parameters())
    attributes, settings = dict(vars(optimizer)), dict(optimizer.param_groups[0])
    result = lr_find(model, optimizer, loss_fn, batches, **BOUNDS)
    np.testing.assert_allclose(result.losses, lr_find(*training(), **BOUNDS).losses, rtol=1e-12)
    assert model.weight.item() == 3
    assert vars(optimizer).keys() == attributes.keys()
    assert optimizer.param_groups[0] == settings
    assert not getattr(optimizer, "state", {})


def test_sam_steps_down_with_the_gradient_from_above():
    model, _, loss_fn, batches = training()
    sam = SAM(model.parameters(), torch.optim.SGD, rho=0.5, lr=1.0)
    weights = [3.0]
    result = lr_find(model, sam, loss_fn, batches, **BOUNDS)
    for lr in result.lrs[:-1]:
        weights.append(weights[-1] - lr * 4 * (weights[-1] + 0.5 * np.sign(weights[-1])))
    np.testing.assert_allclose(result.losses, 2 * np.square(weights), rtol=1e-12)


@pytest.mark.parametrize("inner_alone", [False, True], ids=["SAM itself", "the inner one, wrapped"])
def test_a_step_that_steps_an_inner_optimizer_alone_is_seen(inner_alone):
    model, _, loss_fn, batches = training()
    sam = SAM(model.parameters(), torch.optim.SGD, rho=0.0, lr=1.0)

    def step(batch):
        inputs, target = batch
        loss = loss_fn(model(inputs), target)
        loss.backward()
        sam.first_step()
        loss_fn(model(inputs), target).backward()
        sam.second_step()
        sam.zero_grad()
        return loss

    optimizer = Wrapped(sam.base_optimizer) if inner_alone else sam
    result = lr_find(step, optimizer, train_loader=batches, state=[model, sam], **BOUNDS)
    np.testing.assert_allclose(result.losses, lr_find(*training(), **BOUNDS).losses, rtol=1e-12)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions take no notes before")
def test_an_optimizer_that_needs_more_than_gradients_leads_to_the_step_form():
    model, _, loss_fn, batches = training()
    with pytest.raises(RuntimeError, match="create_graph") as raised:
        lr_find(model, torch_optimizer.Adahessian(model.parameters()), loss_fn, batches, **BOUNDS)
    assert "Adahessian raised this in its step" in raised.value.__notes__[0]
    assert "lr_find(step, optimizer=optimizer" in raised.value.__notes__[0]


def test_a_schedule_free_optimizer_trains_in_its_training_mode():
    curves = []
    for is_training in (False, True):
        model, _, loss_fn, batches = training()
        optimizer = schedulefree.SGDScheduleFree(model.parameters(), lr=1.0)
        if is_training:
            optimizer.train()
        curves.append(lr_find(model, optimizer, loss_fn, batches, **BOUNDS).losses)
        assert optimizer.param_groups[0]["train_mode"] is is_training
    np.testing.assert_array_equal(*curves)


class OwnRate(torch.optim.SGD):
    """Steps at a rate of its own."""

    def __init__(self, parameters, lr, own):
        super().__init__(parameters, lr)
        self.own = own

    @torch.no_grad()
    def step(self, closure=None):
        for parameter in self.param_groups[0]["params"]:
            parameter -= self.own * parameter.grad


def without_rate(parameters, lr=None):
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    optimizer.param_groups[0]["lr"] = lr
    return optimizer


WITHOUT_A_RATE = {
    "relative steps": (transformers.Adafactor, ValueError, r"computes its own rate .* relative_step=False"),
    "relative steps, of torch-optimizer": (torch_optimizer.Adafactor, ValueError, "computes its own rate"),
    "None": (without_rate, ValueError, "goes by a rate of its own"),
    "several": (lambda parameters: without_rate(parameters, np.ones(2)), TypeError, r"one number .* got array\("),
}


@pytest.mark.parametrize(("make", "error", "text"), WITHOUT_A_RATE.values(), ids=WITHOUT_A_RATE)
def test_an_optimizer_without_a_rate_to_find_is_told(make, error, text):
    model, _, loss_fn, batches = training()
    optimizer = make(model.parameters())
    with pytest.raises(error, match=text):
        lr_find(model, optimizer, loss_fn, batches)


@pytest.mark.parametrize(
    ("own", "text"), [(0.03, "and they fell: the optimizer trains by a rate"), (0, "nothing was trained")]
)
def test_an_optimizer_that_takes_no_notice_of_the_rate_is_told(own, text):
    torch.manual_seed(0)
    model = nn.Linear(2, 1)
    optimizer = OwnRate(model.parameters(), lr=0.1, own=own)
    batches = [(inputs, inputs.sum(1, keepdim=True)) for inputs in torch.randn(5, 256, 2)]
    result = lr_find(model, optimizer, nn.MSELoss(), batches)
    with pytest.raises(NoSuggestionError, match=text):
        _ = result.suggestion


def test_the_rate_of_an_optimizer_that_estimates_its_step_is_told_to_be_a_factor():
    model, _, loss_fn, batches = training()
    result = lr_find(model, prodigyopt.Prodigy(model.parameters()), loss_fn, batches, **BOUNDS)
    assert "lr is a factor of that: 1 is what it is made for" in result.explain()
