"""Two real processes that train one model, against one process that sees the batches of both."""

from datetime import timedelta

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from lr_finder import RangeTestResult, lr_find

pytestmark = pytest.mark.slow

BOUNDS = {"start_lr": 1e-3, "end_lr": 50, "num_it": 60, "progress": False}


def data():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(80, 8, generator=generator)
    return inputs, inputs.sum(1, keepdim=True) + 0.1 * torch.randn(80, 1, generator=generator)


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))


def batches(rank, ranks):
    """Ten batches of eight rows, of which each process has its share."""
    share = 8 // ranks
    return [
        tuple(part[8 * i + rank * share : 8 * i + (rank + 1) * share] for part in data()) for i in range(10)
    ]  # fmt: skip


def shared(kind):
    if kind == "FSDP2":
        return fully_shard(model(), mesh=init_device_mesh("cpu", (2,)))
    return DistributedDataParallel(model())


def search(net, rank, ranks, form, loss_of=nn.functional.mse_loss):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    if form == "model":
        return lr_find(net, optimizer, loss_of, batches(rank, ranks), **BOUNDS)

    def step(batch):
        optimizer.zero_grad()
        loss = loss_of(net(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss

    return lr_find(step, optimizer=optimizer, train_loader=batches(rank, ranks), state=[net], **BOUNDS)


def nan_on_one(rank):
    """A loss that is not a number at the sixth step, in one of the processes."""
    calls = []

    def loss(output, target):
        calls.append(1)
        return nn.functional.mse_loss(output, target) * (float("nan") if rank and len(calls) == 6 else 1.0)

    return loss


CASES = [("DDP", "model", False), ("DDP", "step", False), ("FSDP2", "model", False), ("DDP", "model", True)]
"""What shares the model, the form of the call, and whether a loss is not a number in one of the processes."""
if torch.__version__.startswith("2.6."):  # its FSDP2 can't shard on CPUs, and would end the launch for all
    CASES.remove(("FSDP2", "model", False))


def work(rank, folder):
    """What each process does: it searches in every case, and saves what it found."""
    store = dist.FileStore(f"{folder}/store", 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2, timeout=timedelta(seconds=60))
    try:
        for number, (kind, form, fails) in enumerate(CASES):
            loss = nan_on_one(rank) if fails else nn.functional.mse_loss
            result = search(shared(kind), rank, 2, form, loss)
            result.save(f"{folder}/{number}-{rank}.json")
    finally:
        dist.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the two processes found in each case. One launch for all: it takes longer than their searches."""
    folder = tmp_path_factory.mktemp("processes")
    mp.spawn(work, [str(folder)], nprocs=2)
    return {
        case: [RangeTestResult.load(folder / f"{number}-{rank}.json") for rank in range(2)]
        for number, case in enumerate(CASES)
    }


@pytest.mark.parametrize(("kind", "form"), [("DDP", "model"), ("DDP", "step"), ("FSDP2", "model")])
def test_all_processes_see_the_curve_of_all_batches(found, kind, form):
    first, second = found[kind, form, False]
    alone = search(model(), 0, 1, form)
    assert first.losses.tolist() == second.losses.tolist()
    assert first.stop_reason is second.stop_reason is alone.stop_reason
    np.testing.assert_allclose(first.losses[:40], alone.losses[:40], rtol=1e-3)
    assert len(first.losses) == len(alone.losses) < 60


def test_a_loss_that_is_not_finite_in_one_process_stops_both_at_the_same_step(found):
    first, second = found["DDP", "model", True]
    assert len(first.losses) == len(second.losses) == 8
    assert first.stop_reason is second.stop_reason
    assert np.isnan(first.losses[-1])
