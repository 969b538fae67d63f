"""Which parameters are copied: those that training can change, and no frozen base."""

import copy

import pytest
import torch
from torch import nn

from lr_finder.preserve import preserve
from preserve.fingerprint import fingerprint
from preserve.models import MODELS, mlp


def nbytes(*models):
    return sum(parameter.nbytes for model in models for parameter in model.parameters())


def frozen_base():
    return nn.Sequential(nn.Linear(100, 100), nn.ReLU()).requires_grad_(False)


def test_a_frozen_base_is_not_copied():
    base, head = frozen_base(), nn.Linear(100, 2)
    model = nn.Sequential(base, head)
    with preserve(model, torch.optim.AdamW(model.parameters())) as snapshot:
        assert snapshot.nbytes == nbytes(head)


def test_the_base_under_adapters_is_not_copied():
    model = MODELS["adapters"]()
    trained = sum(parameter.nbytes for parameter in model.parameters() if parameter.requires_grad)
    with preserve(model) as snapshot:
        assert snapshot.nbytes == trained < nbytes(model) / 2


def test_the_order_of_the_things_does_not_matter():
    model = nn.Sequential(frozen_base(), nn.Linear(100, 2))
    optimizer = torch.optim.AdamW(model.parameters())
    with preserve(optimizer, model[0], model) as one, preserve(model, model[0], optimizer) as other:
        assert one.nbytes == other.nbytes == nbytes(model[1])


def test_a_frozen_network_of_the_shapes_of_a_trained_one_is_copied():
    student = mlp()
    teachers = nn.ModuleList(copy.deepcopy(student).requires_grad_(False) for _ in range(3))
    with preserve(nn.ModuleList([student, teachers])) as snapshot:
        assert snapshot.nbytes == nbytes(student, teachers)


def test_frozen_parameters_that_weigh_less_than_the_trained_ones_are_copied():
    codebook, trained = nn.Embedding(7, 5).requires_grad_(False), nn.Linear(100, 10)
    with preserve(nn.ModuleList([codebook, trained])) as snapshot:
        assert snapshot.nbytes == nbytes(codebook, trained)


def test_everything_is_copied_where_nothing_is_trained():
    base = frozen_base()
    with preserve(base) as snapshot:
        assert snapshot.nbytes == nbytes(base)


def test_a_frozen_parameter_with_a_gradient_is_copied_because_an_optimizer_steps_it():
    base, head = frozen_base(), nn.Linear(100, 2)
    base[0].weight.grad = torch.ones(100, 100)
    optimizer = torch.optim.SGD([*base.parameters(), *head.parameters()], lr=0.1)
    before = fingerprint(base, head, optimizer)
    with preserve(optimizer):
        optimizer.step()
    assert fingerprint(base, head, optimizer) == before


def test_flag_gradient_and_memory_of_a_frozen_base_come_back_all_the_same():
    model = nn.Sequential(frozen_base(), nn.Linear(100, 2))
    before = fingerprint(model)
    with preserve(model):
        model.requires_grad_(True)
        model(torch.ones(1, 100)).sum().backward()
        model.double()
    assert fingerprint(model) == before


def test_a_change_to_a_frozen_base_does_not_go_unseen():
    base, head = frozen_base(), nn.Linear(100, 2)
    weight = head.weight.clone()

    def change_both():
        with preserve(base, head):
            base[0].weight.data[99, 99] += 1
            head.weight.data += 1

    with pytest.raises(RuntimeError, match=r"frozen parameter of shape \(100, 100\) changed and can't be put back"):
        change_both()
    assert torch.equal(head.weight, weight)


def test_a_frozen_parameter_that_is_given_itself_is_copied():
    base, head = frozen_base(), nn.Linear(100, 2)
    before = fingerprint(base, head)
    with preserve(base, head, base[0].weight):
        base[0].weight.data += 1
    assert fingerprint(base, head) == before
