"""Accelerate in two real processes, against one process that sees the batches of both."""

import json
import os
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from accelerate import Accelerator, FullyShardedDataParallelPlugin
from accelerate.state import AcceleratorState, GradientState
from accelerate.utils import DistributedType
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from integrations.torch.spread_trainings import batches, model
from lr_finder import lr_find

pytestmark = pytest.mark.slow

BOUNDS = {"start_lr": 1e-3, "end_lr": 50, "num_it": 60, "progress": False}
FORMS = ("model", "accumulating model", "step")
PLUGINS = {
    "DDP": None,
    "FSDP1": {"fsdp_version": 1, "use_orig_params": False},
    "FSDP1 with original parameters": {"fsdp_version": 1, "use_orig_params": True},
    "FSDP2": {"fsdp_version": 2, "cpu_ram_efficient_loading": False},
}


def prepared(plugin, accumulation):
    """A prepared training, as far as it needs no more than the Accelerator."""
    AcceleratorState._reset_state()
    GradientState._reset_state()
    if plugin is not None:
        plugin = FullyShardedDataParallelPlugin(auto_wrap_policy="no_wrap", **plugin)
    accelerator = Accelerator(cpu=True, fsdp_plugin=plugin, gradient_accumulation_steps=accumulation)
    if plugin is not None:  # on CPUs Accelerate takes no notice of it
        accelerator.state.distributed_type = DistributedType.FSDP
        accelerator.state.fsdp_plugin = plugin
        accelerator.state.device = torch.device("cpu")
    inputs, targets = (torch.cat(parts) for parts in zip(*batches(), strict=True))
    loader = DataLoader(TensorDataset(inputs, targets), batch_size=8 // accelerator.num_processes)
    net = model()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    if plugin is not None and plugin.fsdp_version == 1:  # which makes parameters anew
        net = accelerator.prepare(net)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
        return accelerator, net, *accelerator.prepare(optimizer, loader)
    return accelerator, *accelerator.prepare(net, optimizer, loader)


def losses(plugin, *, form, is_searched):
    """Those of a search, if there is one, and those of a training after it."""
    accelerator, net, optimizer, loader = prepared(plugin, accumulation=1 if form == "model" else 2)

    def step(batch):
        with accelerator.accumulate(net):
            loss = nn.functional.mse_loss(net(batch[0]), batch[1])
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
        return loss

    found = []
    if is_searched and form == "step":
        found = lr_find(step, optimizer=optimizer, train_loader=loader, state=[net, accelerator], **BOUNDS).losses
    elif is_searched:
        found = lr_find(net, optimizer, nn.functional.mse_loss, loader, **BOUNDS).losses
    return list(found), [step(batch).item() for batch in loader]


def work(rank, folder):
    """What each process does; what it found goes into a file of its own."""
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT="0")
    store = dist.FileStore(f"{folder}/store", 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2, timeout=timedelta(seconds=60))
    try:
        found = {}
        for name, plugin in PLUGINS.items():
            for form in FORMS:
                searched, after = losses(plugin, form=form, is_searched=True)
                _, without = losses(plugin, form=form, is_searched=False)
                found[f"{name} {form}"] = {"losses": searched, "is_unchanged": after == without}
        Path(folder, f"{rank}.json").write_text(json.dumps(found))
    finally:
        dist.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each of the processes found. One launch for all: it takes longer than their searches."""
    folder = tmp_path_factory.mktemp("processes")
    mp.spawn(work, [str(folder)], nprocs=2)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", PLUGINS)
def test_both_processes_see_one_curve_and_train_on_as_without_a_search(found, name, form):
    first, second = (of_one[f"{name} {form}"] for of_one in found)
    assert first["losses"] == second["losses"]
    assert 30 < len(first["losses"]) < 60
    assert first["is_unchanged"]
    assert second["is_unchanged"]


@pytest.mark.parametrize("name", PLUGINS)
def test_the_curve_is_that_of_all_batches(found, name):
    net = model()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    alone = lr_find(net, optimizer, nn.functional.mse_loss, batches(), **BOUNDS)
    np.testing.assert_allclose(found[0][f"{name} model"]["losses"][:40], alone.losses[:40], rtol=1e-3)


@pytest.mark.parametrize("name", PLUGINS)
def test_accumulated_gradients_are_exchanged_when_a_loop_under_accumulate_exchanges_them(found, name):
    """To the bit: a gradient that is exchanged with each batch is rounded otherwise."""
    assert found[0][f"{name} accumulating model"]["losses"] == found[0][f"{name} step"]["losses"]
