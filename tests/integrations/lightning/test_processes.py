"""Two real processes, which Lightning starts."""

import subprocess
import sys

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.slow

TWO_PROCESSES = """
import sys, torch, lightning
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.utils.data import DataLoader, TensorDataset
from lr_finder import lr_find

class Classifier(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.model = nn.Linear(4, 2)

    def configure_model(self):
        if sys.argv[2] == "FSDP2" and not isinstance(self.model, FSDPModule):
            fully_shard(self.model, mesh=self.device_mesh["data_parallel"])

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=0.01)

inputs = torch.randn(256, 4, generator=torch.Generator().manual_seed(1))
data = TensorDataset(inputs, (inputs.sum(1) > 0).long())
trained = []
for searched in (True, False):
    torch.manual_seed(2)
    module, loader = Classifier(), DataLoader(data, batch_size=16, shuffle=True)
    strategy = "ddp" if sys.argv[2] == "DDP" else ModelParallelStrategy()
    trainer = lightning.Trainer(accelerator="cpu", devices=2, strategy=strategy, max_epochs=1, logger=False,
                                enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
    if searched:
        result = lr_find(trainer, module, loader, start_lr=1e-3, end_lr=10, num_it=40)
    trainer.fit(module, loader)
    weight = module.model.weight
    trained.append((weight.to_local() if sys.argv[2] == "FSDP2" else weight).detach().clone())
torch.save((trained, result.losses), f"{sys.argv[1]}/rank{trainer.global_rank}.pt")
"""


@pytest.mark.parametrize("strategy", ["DDP", "FSDP2"])
def test_two_processes_see_one_curve_and_train_on_as_without_a_search(tmp_path, strategy):
    script = tmp_path / "train.py"
    script.write_text(TWO_PROCESSES)
    subprocess.run([sys.executable, script, tmp_path, strategy], check=True, capture_output=True, cwd=tmp_path)
    (searched, alone), losses = torch.load(tmp_path / "rank0.pt", weights_only=False)
    _, losses_of_the_other = torch.load(tmp_path / "rank1.pt", weights_only=False)
    assert torch.equal(searched, alone)
    np.testing.assert_array_equal(losses, losses_of_the_other)


UNEVEN = """
import os, sys, torch, lightning
from torch import nn
from torch.utils.data import DataLoader, IterableDataset
from lr_finder import lr_find

class Stream(IterableDataset):
    def __iter__(self):
        rank = int(os.environ.get("LOCAL_RANK", 0))
        draw = torch.Generator().manual_seed(rank)
        for _ in range(16 * (12 - 5 * rank)):
            inputs = torch.randn(4, generator=draw)
            yield inputs, (inputs.sum() > 0).long()

class Classifier(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.model, self.calls = nn.Linear(4, 2), 0

    def training_step(self, batch, batch_idx):
        self.calls += 1
        if sys.argv[2] == "fails" and (self.global_rank, self.calls) == (1, 9):
            raise ValueError("a bad batch")
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=0.01)

trainer = lightning.Trainer(accelerator="cpu", devices=2, strategy="ddp", max_epochs=1, logger=False,
                            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
try:
    found = lr_find(trainer, Classifier(), DataLoader(Stream(), batch_size=16), start_lr=1e-3, end_lr=10, num_it=40)
    told = None
except Exception as error:
    found, told = error.partial_result, repr(error)
torch.save((found.losses, told), f"{sys.argv[1]}/rank{trainer.global_rank}.pt")
"""


@pytest.fixture
def uneven(tmp_path):
    """Runs a search over a stream of 12 batches in one process and of 7 in the other."""

    def search(what):
        script = tmp_path / "train.py"
        script.write_text(UNEVEN)
        subprocess.run(
            [sys.executable, script, tmp_path, what], check=True, capture_output=True, cwd=tmp_path, timeout=90
        )
        return [torch.load(tmp_path / f"rank{rank}.pt", weights_only=False) for rank in range(2)]

    return search


def test_streams_of_several_lengths_start_over_each_by_itself(uneven):
    (losses, told), (losses_of_the_other, _) = uneven("goes on")
    assert told is None
    assert len(losses) == 40
    np.testing.assert_array_equal(losses, losses_of_the_other)


def test_a_process_that_fails_ends_the_search_in_both_and_is_named(uneven):
    (losses, told), (losses_of_the_other, error) = uneven("fails")
    assert "rank 1 left the search: ValueError: a bad batch" in told
    assert error == "ValueError('a bad batch')"
    assert len(losses) == len(losses_of_the_other) == 8
