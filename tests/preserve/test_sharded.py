"""Models that a process group shares: each process keeps a copy of its own shards, and puts them back in place."""

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from lr_finder.preserve import preserve
from preserve.fingerprint import fingerprint
from preserve.models import dropout, mlp


@pytest.fixture(scope="module", autouse=True)
def _group_of_one(tmp_path_factory):
    store = dist.FileStore(str(tmp_path_factory.mktemp("group") / "store"), 1)
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def sharded():
    model = dropout()
    return fully_shard(model, mesh=init_device_mesh("cpu", (1,)))


KINDS = {
    "FSDP2": sharded,
    "DDP": lambda: DistributedDataParallel(mlp()),
    "DDP, gradients in buckets": lambda: DistributedDataParallel(mlp(), gradient_as_bucket_view=True),
}


@pytest.mark.parametrize("warm_steps", [0, 3], ids=["cold", "warm"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_training_on_is_the_same(kind, warm_steps):
    def training():
        torch.manual_seed(0)
        model = kind()
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)

        def step():
            optimizer.zero_grad()
            loss = model(torch.randn(4, 8)).square().mean()
            loss.backward()
            optimizer.step()
            return loss.item()

        for _ in range(warm_steps):
            step()
        return model, optimizer, step

    *state, step = training()
    before = fingerprint(*state[0].parameters())
    with preserve(*state):
        for _ in range(5):
            step()
    assert fingerprint(*state[0].parameters()) == before
    losses = [step() for _ in range(5)]
    *_, untouched_step = training()
    assert losses == [untouched_step() for _ in range(5)]


def test_only_the_local_shard_is_copied():
    model = sharded()
    parameters = list(model.parameters())
    assert all(isinstance(parameter, DTensor) for parameter in parameters)
    with preserve(model) as snapshot:
        assert snapshot.nbytes == sum(parameter.to_local().nbytes for parameter in parameters)


def test_a_model_that_the_block_shards_can_be_sharded_after_it():
    model = dropout()
    before = fingerprint(*model.parameters())
    with preserve(model):
        fully_shard(model, mesh=init_device_mesh("cpu", (1,)))
        model(torch.randn(4, 8)).sum().backward()
    assert fingerprint(*model.parameters()) == before
    fully_shard(model, mesh=init_device_mesh("cpu", (1,)))
    assert all(isinstance(parameter, DTensor) for parameter in model.parameters())
