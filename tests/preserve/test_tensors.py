"""Tensors: values, memory, gradient, flag and attributes come back, and no byte is copied twice."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.testing._internal.two_tensor import TwoTensor

from lr_finder.preserve import preserve
from preserve.fingerprint import fingerprint

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64, torch.int8, torch.bool]


@given(data=st.binary(min_size=32, max_size=160), dtype=st.sampled_from(DTYPES), columns=st.integers(1, 4))
def test_any_bytes_of_any_dtype_come_back(data, dtype, columns):
    count = len(data) // (dtype.itemsize * columns) * columns
    raw = np.frombuffer(data, np.uint8)[: count * dtype.itemsize].copy()
    tensor = torch.from_numpy(raw & 1 if dtype is torch.bool else raw).view(dtype).view(-1, columns).t()
    before = tensor.clone().contiguous().reshape(-1).view(torch.uint8)
    with preserve(tensor):
        tensor.zero_()
    assert torch.equal(tensor.contiguous().reshape(-1).view(torch.uint8), before)


def test_a_storage_is_copied_once_however_many_tensors_look_at_it():
    flat = torch.randn(100)
    views = [flat[:10], flat[10:40].view(5, 6), flat.view(10, 10).t(), flat.view(torch.int32)]
    first, second = nn.Linear(10, 10, bias=False), nn.Linear(10, 10, bias=False)
    second.weight = first.weight
    with preserve(views, first, second) as snapshot:
        assert snapshot.nbytes == flat.nbytes + first.weight.nbytes


def test_storages_that_begin_at_the_same_place_come_back_to_the_end_of_the_longest():
    array = np.zeros(100, np.float32)
    short, long = torch.from_numpy(array[:10]), torch.from_numpy(array)
    with preserve(short, long):
        long.add_(1)
    assert array.sum() == 0


def test_a_view_of_an_expanded_number_comes_back():
    tensor = torch.tensor([1.0]).expand(1000)
    with preserve(tensor) as snapshot:
        tensor[:1].fill_(2)
    assert snapshot.nbytes == 4
    assert tensor.sum() == 1000


def test_a_gradient_comes_back_with_its_object_and_none_stays_none():
    with_grad, without = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    with_grad.sum().backward()
    grad = with_grad.grad
    with preserve(with_grad, without):
        (with_grad * without).sum().backward()
        with_grad.grad = None
    assert with_grad.grad is grad
    assert grad.tolist() == [1, 1, 1]
    assert without.grad is None


@pytest.mark.parametrize("requires_grad", [True, False])
def test_the_flag_comes_back(requires_grad):
    tensor = torch.ones(3, requires_grad=requires_grad)
    with preserve(tensor):
        tensor.requires_grad_(not requires_grad)
    assert tensor.requires_grad is requires_grad


def test_a_plain_tensor_that_got_a_graph_loses_it_again():
    memory, weight = torch.zeros(3), torch.ones(3, requires_grad=True)
    with preserve(memory):
        memory.copy_(weight * 2)
        assert not memory.is_leaf
    assert memory.is_leaf
    assert not memory.requires_grad
    assert memory.tolist() == [0, 0, 0]


def test_a_graph_from_before_still_runs_backward():
    weight = nn.Parameter(torch.tensor([3.0]))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    loss = (weight**2).sum()
    with preserve(weight, optimizer):
        weight.grad = torch.ones(1)
        optimizer.step()
    loss.backward()
    assert weight.grad.item() == 6


def test_a_tensor_that_got_other_memory_gets_its_own_back():
    model = nn.Linear(3, 3)
    before = fingerprint(model)
    with preserve(model):
        model.half()
        model.weight.data = torch.zeros(5)
    assert fingerprint(model) == before


def test_a_gradient_of_another_dtype_is_replaced_by_its_own():
    model = nn.Linear(3, 3)
    model(torch.ones(1, 3)).sum().backward()
    before = fingerprint(model)
    with preserve(model):
        model.double()
    assert fingerprint(model) == before


@pytest.mark.parametrize("storage", ["memory", "disk"])
def test_a_storage_that_was_freed_or_grown_has_its_bytes_again(storage):
    freed, grown = torch.arange(4.0), torch.arange(5.0)
    with preserve(freed, grown, storage=storage):
        freed.untyped_storage().resize_(0)
        grown.resize_(1000).zero_()
    assert freed.tolist() == [0, 1, 2, 3]
    assert grown.tolist() == [0, 1, 2, 3, 4]


def test_attributes_of_a_parameter_come_back():
    parameter = nn.Parameter(torch.ones(2))
    parameter.main_grad = torch.ones(2)
    with preserve(parameter):
        parameter.main_grad += 1
        parameter.initialized = True
    assert parameter.main_grad.tolist() == [1, 1]
    assert not hasattr(parameter, "initialized")


def test_hooks_on_a_gradient_that_were_added_are_gone_and_those_taken_are_back():
    seen = []

    def hook(name):
        return lambda gradient: seen.append(name)

    hooked, plain = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
    handles = [
        hooked.register_hook(hook("before")),
        hooked.register_post_accumulate_grad_hook(hook("before, on the parameter")),
    ]
    with preserve(hooked, plain):
        for parameter in (hooked, plain):
            parameter.register_hook(hook("in the block"))
            parameter.register_post_accumulate_grad_hook(hook("in the block, on the parameter"))
        for handle in handles:
            handle.remove()
    (hooked * plain).sum().backward()
    assert seen == ["before", "before, on the parameter"]


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable:UserWarning")
def test_memory_that_can_only_be_read_is_not_written(tmp_path):
    np.arange(1000.0).tofile(tmp_path / "table")
    model = nn.Linear(2, 2)
    model.table = torch.from_numpy(np.memmap(tmp_path / "table", mode="r"))
    before = fingerprint(model)
    with preserve(model):
        model.weight.data += 1
    assert fingerprint(model) == before  # writing to the table would have ended this process


SPARSE = {
    "COO": lambda: torch.sparse_coo_tensor([[0, 2]], [1.0, 2.0], (4,)),
    "coalesced": lambda: torch.sparse_coo_tensor([[0, 2]], [1.0, 2.0], (4,)).coalesce(),
    "rows": lambda: torch.eye(4).to_sparse_csr(),
    "columns": lambda: torch.eye(4).to_sparse_csc(),
    "blocks": lambda: torch.eye(4).to_sparse_bsr((2, 2)),
}


@pytest.mark.filterwarnings("ignore:Sparse CS[RC] tensor support is in beta:UserWarning")
@pytest.mark.filterwarnings("ignore:Sparse BSR tensor support is in beta:UserWarning")
@pytest.mark.parametrize("make", SPARSE.values(), ids=SPARSE)
def test_a_sparse_tensor_comes_back(make):
    tensor = make()
    before, layout = tensor.to_dense(), tensor.layout
    with preserve(tensor) as snapshot:
        assert snapshot.nbytes > 0
        tensor.mul_(3) if layout is not torch.sparse_coo else tensor.copy_(torch.ones(4).to_sparse())
        assert not torch.equal(tensor.to_dense(), before)
    assert tensor.layout is layout
    assert torch.equal(tensor.to_dense(), before)


def test_a_sparse_gradient_comes_back():
    embedding = nn.Embedding(5, 2, sparse=True)
    embedding(torch.tensor([1, 3])).sum().backward()
    before = fingerprint(embedding)
    with preserve(embedding):
        embedding(torch.tensor([0, 1])).sum().backward()
        embedding.weight.grad.mul_(2)
    assert fingerprint(embedding) == before


def test_a_wrapper_subclass_comes_back_inside_and_out():
    parameter = nn.Parameter(TwoTensor(torch.ones(3), torch.arange(3.0)))
    optimizer = torch.optim.SGD([parameter], lr=0.1, momentum=0.9, foreach=False)
    parameter.sum().backward()
    before = fingerprint(parameter, optimizer)
    with preserve(optimizer) as snapshot:
        assert snapshot.nbytes == 2 * 12 + parameter.grad.a.nbytes + parameter.grad.b.nbytes
        optimizer.step()
        parameter.a = torch.zeros(3)
    assert fingerprint(parameter, optimizer) == before


def test_a_tensor_without_values_is_no_trouble():
    model = nn.Linear(3, 3, device="meta")
    with preserve(model) as snapshot:
        model.requires_grad_(False)
    assert snapshot.nbytes == 0
    assert model.weight.requires_grad
