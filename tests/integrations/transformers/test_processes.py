"""Two real processes, which torchrun starts: streams of several lengths, and shards of a model."""

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


SHARDED = """
import sys, torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
from lr_finder import lr_find

sizes = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, vocab_size=100)
torch.manual_seed(0)
data = [{"input_ids": torch.randint(0, 100, (8,)), "labels": torch.tensor(index % 2)} for index in range(128)]
shards = {"fsdp": "full_shard auto_wrap"}
shards["fsdp_config"] = {"transformer_layer_cls_to_wrap": ["BertLayer"], "version": 2}
arguments = TrainingArguments(f"{sys.argv[1]}/out", per_device_train_batch_size=8, max_steps=12, use_cpu=True,
                              report_to=[], disable_tqdm=True, save_strategy="no",
                              gradient_accumulation_steps=int(sys.argv[2]), **shards)
trained = []
for is_searched in (True, False):
    torch.manual_seed(0)
    trainer = Trainer(BertForSequenceClassification(BertConfig(**sizes)), arguments, train_dataset=data)
    if is_searched:
        losses = lr_find(trainer, start_lr=1e-5, end_lr=1, num_it=40).losses
    trained.append(trainer.train().training_loss)
torch.save((losses, trained), f"{sys.argv[1]}/rank{arguments.process_index}.pt")
"""


@pytest.fixture
def in_processes(tmp_path):
    """Runs a script in two processes, and gives what each of them left."""

    def run(text, what):
        script = tmp_path / "train.py"
        script.write_text(text)
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        subprocess.run([*torchrun, script, tmp_path, what], check=True, capture_output=True, cwd=tmp_path, timeout=120)
        return [torch.load(tmp_path / f"rank{rank}.pt", weights_only=False) for rank in range(2)]

    return run


@pytest.mark.parametrize("accumulated", ["1", "2"])
def test_a_model_in_shards_trains_on_as_without_a_search(in_processes, accumulated):
    (losses, trained), (losses_of_the_other, trained_there) = in_processes(SHARDED, accumulated)
    assert len(losses) > 20
    np.testing.assert_array_equal(losses, losses_of_the_other)
    for searched, alone in (trained, trained_there):
        assert searched == alone


def test_streams_of_several_lengths_start_over_each_by_itself(in_processes):
    """12 batches in one process and 7 in the other."""
    (losses, told), (losses_of_the_other, _) = in_processes(UNEVEN, "goes on")
    assert told is None
    assert len(losses) == 40
    np.testing.assert_array_equal(losses, losses_of_the_other)


def test_a_process_that_fails_ends_the_search_in_both_and_is_named(in_processes):
    (losses, told), (losses_of_the_other, error) = in_processes(UNEVEN, "fails")
    assert "rank 1 left the search: ValueError: a bad batch" in told
    assert error == "ValueError('a bad batch')"
    assert len(losses) == len(losses_of_the_other) == 8
