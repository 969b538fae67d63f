"""Two real processes, which torchrun starts, with streams of several lengths."""

import subprocess
import sys

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.slow

UNEVEN = """
import sys, torch
from torch import nn
from torch.utils.data import IterableDataset
from transformers import Trainer, TrainingArguments
from lr_finder import lr_find

arguments = TrainingArguments(f"{sys.argv[1]}/out", per_device_train_batch_size=16, max_steps=50, use_cpu=True,
                              report_to=[], disable_tqdm=True, accelerator_config={"dispatch_batches": False})
rank = arguments.process_index

class Stream(IterableDataset):
    def __iter__(self):
        draw = torch.Generator().manual_seed(rank)
        for _ in range(16 * (12 - 5 * rank)):
            inputs = torch.randn(4, generator=draw)
            yield {"inputs": inputs, "labels": (inputs.sum() > 0).long()}

class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear, self.calls = nn.Linear(4, 2), 0

    def forward(self, inputs, labels):
        self.calls += 1
        if sys.argv[2] == "fails" and (rank, self.calls) == (1, 9):
            raise ValueError("a bad batch")
        return {"loss": nn.functional.cross_entropy(self.linear(inputs), labels)}

trainer = Trainer(Classifier(), arguments, train_dataset=Stream())
try:
    found, told = lr_find(trainer, start_lr=1e-3, end_lr=10, num_it=40), None
except Exception as error:
    found, told = error.partial_result, repr(error)
torch.save((found.losses, told), f"{sys.argv[1]}/rank{rank}.pt")
"""


@pytest.fixture
def uneven(tmp_path):
    """Runs a search over a stream of 12 batches in one process and of 7 in the other."""

    def search(what):
        script = tmp_path / "train.py"
        script.write_text(UNEVEN)
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        subprocess.run([*torchrun, script, tmp_path, what], check=True, capture_output=True, cwd=tmp_path, timeout=120)
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
