"""Real processes that train one model together, and what each of them found."""

from datetime import timedelta

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

TIMEOUT = timedelta(seconds=40)
"""Of their groups: what hangs fails."""


def launch(cases, folder, ranks=2):
    """What each process returned in each case, by rank; one launch for all, because it takes longer than they do.

    Args:
        cases: Functions by name, called with the rank and the number of processes in a process group of their own.
        folder: Where the processes meet, and leave what they return.
        ranks: The number of processes.
    """
    mp.spawn(_run_all, [cases, str(folder), ranks], nprocs=ranks)
    return {
        name: [torch.load(f"{folder}/{name}-{rank}.pt", weights_only=False) for rank in range(ranks)] for name in cases
    }


def _run_all(rank, cases, folder, ranks):
    torch.set_num_threads(1)
    for name, case in cases.items():
        store = dist.FileStore(f"{folder}/{name}.store", ranks)
        dist.init_process_group("gloo", store=store, rank=rank, world_size=ranks, timeout=TIMEOUT)
        try:
            torch.save(case(rank, ranks), f"{folder}/{name}-{rank}.pt")
        finally:
            dist.destroy_process_group()


def data(rank, ranks, count=10):
    """Batches of a linear problem, eight rows each, of which each process has its share."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(8 * count, 8, generator=generator)
    targets = inputs.sum(1, keepdim=True) + 0.1 * torch.randn(8 * count, 1, generator=generator)
    share = 8 // ranks
    starts = [8 * batch + rank * share for batch in range(count)]
    return [(inputs[start : start + share], targets[start : start + share]) for start in starts]


def network():
    """The model that they train, the same in each."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))


def shared():
    """That model, with its optimizer, as `DistributedDataParallel` shares it."""
    model = DistributedDataParallel(network())
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


class Loss:
    """The usual loss; at one of its calls, in one of the processes, something happens to it."""

    def __init__(self, rank, call=None, happens=lambda loss: loss * float("nan"), on=1):
        self._call = call if rank == on else None
        self._happens = happens
        self._calls = 0

    def __call__(self, output, target):
        self._calls += 1
        loss = nn.functional.mse_loss(output, target)
        return self._happens(loss) if self._calls == self._call else loss
