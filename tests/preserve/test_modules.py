"""Modules: every submodule's flag and class, hooks, buffers and attributes, whatever kind of module it is."""

import weakref
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from lr_finder.preserve import preserve
from preserve.fingerprint import fingerprint
from preserve.models import MODELS, batch_norm, mlp


def test_each_submodule_has_its_own_mode_again():
    model = batch_norm()
    model[1].eval()
    with preserve(model):
        model.train()
        model[2].eval()
    assert [module.training for module in model.modules()] == [True, True, False, True, True]


def test_what_was_added_to_a_module_is_gone_and_what_was_taken_is_back():
    model = mlp()
    before = fingerprint(model)
    with preserve(model):
        model[0].register_forward_hook(lambda *_: None)
        model[0].register_buffer("extra", torch.ones(2))
        parametrizations.weight_norm(model[2])
        model[1] = nn.ReLU()
        model.append(nn.Linear(3, 3))
        del model[0].bias
    assert fingerprint(model) == before
    assert type(model[2]) is nn.Linear


def test_a_lazy_module_is_lazy_again_and_initializes_the_same_way():
    def outputs(model):
        torch.manual_seed(1)
        return model(torch.ones(4, 8))

    model = MODELS["lazy"]()
    torch.manual_seed(0)
    with preserve(model):
        first = outputs(model)
    assert type(model[0]) is nn.LazyLinear
    assert type(model[0].weight) is nn.UninitializedParameter
    assert torch.equal(outputs(model), first)


def test_a_compiled_model_gains_no_graph():
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    model = torch.compile(mlp(), backend=backend)
    optimizer = torch.optim.AdamW(model.parameters(), lr=torch.tensor(0.01), foreach=False)

    def step():
        optimizer.zero_grad()
        model(torch.ones(4, 8)).sum().backward()
        optimizer.step()

    step()
    for _ in range(2):
        with preserve(model, optimizer):
            step()
        step()
    assert len(graphs) == 1


def test_a_model_nested_deeper_than_pythons_stack_comes_back():
    model = nn.Linear(2, 2)
    weight, before = model.weight, model.weight.tolist()
    for _ in range(1500):
        model = nn.Sequential(model)
    with preserve(model):
        weight.data.zero_()
    assert weight.tolist() == before


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_scripted_model_comes_back():
    model = torch.jit.script(batch_norm())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with preserve(model):
        model(torch.randn(4, 8)).sum().backward()
        optimizer.step()
        model.eval()
    assert all(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@dataclass
class WithoutHash(nn.Module):
    """As a loss function that is written as a dataclass."""

    gamma: float = 2.0

    def __post_init__(self):
        super().__init__()
        self.calls = 0


def test_a_module_may_have_no_hash():
    module = WithoutHash()
    with pytest.raises(TypeError):
        hash(module)
    with preserve(module):
        module.calls += 1
    assert module.calls == 0


def test_a_weak_proxy_of_what_is_gone_is_passed_over():
    model, parent = nn.Linear(2, 2), nn.Linear(2, 2)
    model.parent = weakref.proxy(parent)
    del parent
    with preserve(model):
        model.weight.data.zero_()
    assert model.weight.abs().sum() > 0
