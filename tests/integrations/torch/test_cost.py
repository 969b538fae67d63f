"""What a step of a search costs beside the training itself, counted where a clock would depend on the machine."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import lr_finder
from lr_finder import lr_find

PACKAGE = str(Path(lr_finder.__file__).parent)
MOST_CALLS = 45
"""Python functions of this package that a plain step may call."""


def problem(lr=0.1, groups=1):
    torch.manual_seed(0)
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(groups)))
    optimizer = torch.optim.SGD([{"params": layer.parameters()} for layer in model], lr=lr)
    return model, optimizer


def batches(steps):
    return [(torch.ones(2, 4), torch.zeros(2, 4)) for _ in range(steps)]


def search(model, optimizer, steps, **options):
    options = {"start_lr": 1e-4, "end_lr": 1e-2, "num_it": steps, "progress": False, **options}
    return lr_find(model, optimizer, nn.MSELoss(), batches(steps), **options)


def train(model, optimizer, steps):
    for inputs, targets in batches(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(inputs), targets).backward()
        optimizer.step()


def calls_in_the_package(run):
    calls = []

    def note(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            calls.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return len(calls)


class CountReads(TorchDispatchMode):
    """Counts the tensors whose value Python reads."""

    reads = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.reads += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def reads_in(run):
    with CountReads() as counting:
        run()
    return counting.reads


@pytest.mark.parametrize("groups", [1, 50])
def test_a_step_calls_few_functions_however_many_groups_there_are(groups):
    model, optimizer = problem(groups=groups)

    def calls(steps):
        return calls_in_the_package(lambda: search(model, optimizer, steps, stop_div=False))

    assert (calls(40) - calls(20)) / 20 <= MOST_CALLS


@pytest.mark.parametrize("lr", [0.1, torch.tensor(0.1)], ids=["number", "tensor"])
def test_a_step_on_a_cpu_reads_the_loss_and_no_other_tensor(lr):
    model, optimizer = problem(lr=lr)

    def reads_of_search(steps):
        return reads_in(lambda: search(model, optimizer, steps)) - reads_in(lambda: train(model, optimizer, steps))

    assert reads_of_search(40) - reads_of_search(20) == 20


def test_a_compiled_model_is_not_compiled_again():
    counters = torch._dynamo.utils.counters
    model, optimizer = problem()
    compiled = torch.compile(model, backend="eager")
    train(compiled, optimizer, 2)
    before = counters["stats"]["unique_graphs"]
    search(compiled, optimizer, 20)
    assert counters["stats"]["unique_graphs"] == before > 0


def test_a_compiled_optimizer_whose_rate_is_a_tensor_is_not_compiled_again():
    counters = torch._dynamo.utils.counters
    model, optimizer = problem(lr=torch.tensor(0.1))
    update = torch.compile(lambda: optimizer.step(), backend="eager")

    def step(batch):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(batch[0]), batch[1])
        loss.backward()
        update()
        return loss

    for batch in batches(3):
        step(batch)
    options = {"start_lr": 1e-4, "end_lr": 1e-2, "num_it": 20, "progress": False}
    before = counters["stats"]["unique_graphs"]
    lr_find(step, optimizer, train_loader=batches(20), state=[model], **options)
    assert counters["stats"]["unique_graphs"] == before > 0


@pytest.mark.parametrize("lr", [0.1, torch.tensor(0.1)], ids=["number", "tensor"])
def test_a_rate_that_something_else_sets_is_noticed_and_not_used(lr):
    model, optimizer = problem(lr=lr)
    used = []

    def meddling_loss(output, target):
        if isinstance(optimizer.param_groups[0]["lr"], torch.Tensor):
            optimizer.param_groups[0]["lr"].mul_(0.5)
        else:
            optimizer.param_groups[0]["lr"] *= 0.5
        return nn.functional.mse_loss(output, target)

    optimizer.register_step_post_hook(lambda *_: used.append(float(optimizer.param_groups[0]["lr"])))
    result = lr_find(
        model, optimizer, meddling_loss, batches(10), start_lr=1e-4, end_lr=1e-2, num_it=10, progress=False
    )
    assert used == pytest.approx(result.lrs.tolist(), rel=1e-6)
    assert any("Something other than the search" in note for note in result.curve.notes)
