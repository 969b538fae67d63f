"""One small training, spread over four processes in every way that PyTorch has: what each process makes of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.util import find_spec
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed._composable import replicate
from torch.distributed.algorithms.ddp_comm_hooks.powerSGD_hook import PowerSGDState, powerSGD_hook
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, ShardingStrategy, fully_shard
from torch.distributed.fsdp.sharded_grad_scaler import ShardedGradScaler
from torch.distributed.fsdp.wrap import ModuleWrapPolicy
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.nn.parallel import DistributedDataParallel

RANKS = 4
OLDEST_TORCH = torch.__version__.startswith("2.6.")  # its FSDP2 can't shard on CPUs


def model(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))


def batches(rank=0, ranks=1):
    """Ten batches of eight rows, of which each process has its share."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(80, 8, generator=generator)
    targets = inputs.sum(1, keepdim=True) + 0.1 * torch.randn(80, 1, generator=generator)
    share = 8 // ranks
    rows = [slice(8 * i + rank * share, 8 * i + (rank + 1) * share) for i in range(10)]
    return [(inputs[part], targets[part]) for part in rows]


@dataclass
class Training:
    """What one process has of a training.

    Args:
        net: The model, or this process' part of it.
        share: Which share of the batches it trains on, and of how many.
        optimizer: Makes the optimizer from the parameters.
        given: The part of the model that the search gets as `state`; all where left out.
        group: The group over which the step itself averages the gradients.
        scaler: Scales the gradients.
        options: Of the search.
    """

    net: nn.Module
    share: tuple[int, int] = (0, 1)
    optimizer: Any = torch.optim.Adam
    given: nn.Module | None = None
    group: Any = None
    scaler: Any = None
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        self.optimizer = self.optimizer(self.net.parameters(), lr=0.01)
        self.batches = batches(*self.share)
        self.state = [self.net if self.given is None else self.given]
        if self.scaler is not None:
            self.state.append(self.scaler)

    def step(self, batch):
        self.optimizer.zero_grad()
        loss = nn.functional.mse_loss(self.net(batch[0]), batch[1])
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()
        if self.group is not None:
            for parameter in self.net.parameters():
                dist.all_reduce(parameter.grad, group=self.group)
                parameter.grad /= self.group.size()
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        return loss

    def train(self, count=10):
        """The losses of the first steps, and the weights after them."""
        losses = [self.step(batch).item() for batch in self.batches[:count]]
        return losses, [getattr(parameter, "_local_tensor", parameter).tolist() for parameter in self.net.parameters()]


@cache
def two_by_two():
    return init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "tensor"))


def half():
    """The mesh of the first two processes, or that of the other two."""
    return two_by_two()["tensor"]


def in_columns_and_rows(mesh):
    return parallelize_module(model(), mesh, {"0": ColwiseParallel(), "2": RowwiseParallel()})


def flat(**options):
    """FSDP1, which shards parameters as parts of a flat one."""
    return FullyShardedDataParallel(model(), device_id=torch.device("cpu"), **options)


def inner_module(rank):
    wrapped = DistributedDataParallel(model())
    return Training(wrapped, (rank, RANKS), given=wrapped.module)


def compiled(rank):
    return Training(torch.compile(DistributedDataParallel(model()), backend="eager"), (rank, RANKS))


def communication_hook(rank):
    net = DistributedDataParallel(model())
    net.register_comm_hook(PowerSGDState(None, start_powerSGD_iter=4), powerSGD_hook)
    return Training(net, (rank, RANKS))


def redundancy_optimizer(rank):
    optimizer = partial(ZeroRedundancyOptimizer, optimizer_class=torch.optim.Adam)
    return Training(DistributedDataParallel(model()), (rank, RANKS), optimizer)


def replicated(rank):
    net = model(seed=rank)  # the first forward pass sends those of the first process to all
    return Training(replicate(net), (rank, RANKS))


def replicated_as_fsdp(rank):
    from torch.distributed._composable.replicate_with_fsdp import replicate

    return Training(replicate(model()), (rank, RANKS))


def flat_parameters(rank):
    return Training(flat(auto_wrap_policy=ModuleWrapPolicy({nn.Linear})), (rank, RANKS))


def original_parameters(rank):
    net = flat(use_orig_params=True, sharding_strategy=ShardingStrategy.SHARD_GRAD_OP)
    return Training(net, (rank, RANKS))


def flat_parameters_over_a_mesh(rank):
    net = flat(device_mesh=two_by_two(), sharding_strategy=ShardingStrategy.HYBRID_SHARD)
    return Training(net, (rank, RANKS))


def flat_parameters_with_a_scaler(rank):
    return Training(flat(), (rank, RANKS), scaler=ShardedGradScaler("cpu", init_scale=1024.0))


def fsdp2_over_a_half(rank):
    return Training(fully_shard(model(), mesh=half()), (rank, 2)) if rank < 2 else None


def fsdp2_over_each_half(rank):
    share = (rank, 2) if rank < 2 else (rank, RANKS)
    return Training(fully_shard(model(), mesh=half()), share)


def hybrid_fsdp2(rank):
    return Training(fully_shard(model(), mesh=two_by_two()), (rank, RANKS))


def tensor_parallel_over_a_half(rank):
    return Training(in_columns_and_rows(half())) if rank < 2 else None


def tensor_parallel_and_fsdp2(rank):
    net = fully_shard(in_columns_and_rows(two_by_two()["tensor"]), mesh=two_by_two()["data"])
    return Training(net, (rank // 2, 2))


def averaged_by_hand(rank):
    return Training(model(), (rank, RANKS), group=dist.group.WORLD)


def averaged_by_hand_over_a_half(rank):
    return Training(model(), (rank, 2), group=half().get_group()) if rank < 2 else None


TRAININGS: dict[str, Callable[[int], Training | None]] = {
    "the module inside DistributedDataParallel": inner_module,
    "DistributedDataParallel, compiled": compiled,
    "DistributedDataParallel with ZeroRedundancyOptimizer": redundancy_optimizer,
    "replicate": replicated,
    "FSDP1, nested": flat_parameters,
    "FSDP1, original parameters": original_parameters,
    "FSDP1 over a mesh": flat_parameters_over_a_mesh,
    "FSDP1 with a scaler": flat_parameters_with_a_scaler,
    "FSDP2 over a half": fsdp2_over_a_half,
    "FSDP2 over each half": fsdp2_over_each_half,
    "FSDP2 over a mesh": hybrid_fsdp2,
    "tensor parallel over a half": tensor_parallel_over_a_half,
    "tensor parallel and FSDP2": tensor_parallel_and_fsdp2,
    "averaged by hand": averaged_by_hand,
    "averaged by hand over a half": averaged_by_hand_over_a_half,
}
"""Each trains as one process would on the batches of all."""

if find_spec("torch.distributed._composable.replicate_with_fsdp"):  # torch 2.13
    TRAININGS["replicate, by FSDP2"] = replicated_as_fsdp
if OLDEST_TORCH:
    TRAININGS = {name: make for name, make in TRAININGS.items() if "FSDP2" not in name}
