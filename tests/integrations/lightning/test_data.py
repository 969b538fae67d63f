"""Where the batches come from: data modules, the module's own loader, streams."""

import lightning.pytorch
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

from integrations.lightning.classifier import LIGHTNINGS_WARNINGS, batches, classifier, trainer_of
from integrations.torch.classifier import BOUNDS, samples
from lr_finder import StopReason, lr_find

pytestmark = LIGHTNINGS_WARNINGS


class Data(lightning.pytorch.LightningDataModule):
    def setup(self, stage):
        self.data, self.generator = samples(), torch.Generator().manual_seed(4)

    def train_dataloader(self):
        return DataLoader(self.data, batch_size=8, shuffle=True, generator=self.generator)


@pytest.mark.parametrize("give", [lambda data: {"datamodule": data}, lambda data: {"train_dataloaders": data}])
def test_a_data_module_is_taken_and_left_as_it_was(give):
    data, module = Data(), classifier()
    result = lr_find(trainer_of(), module, **give(data), **BOUNDS)
    np.testing.assert_array_equal(lr_find(trainer_of(), module, **give(data), **BOUNDS).losses, result.losses)
    assert not hasattr(data, "data")
    assert data.trainer is None


def test_a_module_may_bring_its_own_data():
    module = classifier()
    module.train_dataloader = batches
    assert len(lr_find(trainer_of(), module, **BOUNDS).losses) == 20


class Stream(IterableDataset):
    """Samples without a length."""

    def __iter__(self):
        yield from samples(24)


class Once(IterableDataset):
    """Samples that come once only."""

    def __init__(self):
        self.samples = iter(samples())

    def __iter__(self):
        return self.samples


def test_a_stream_will_do_and_one_that_ends_ends_the_sweep():
    assert len(lr_find(trainer_of(), classifier(), DataLoader(Stream(), batch_size=8), **BOUNDS).losses) == 20
    ended = lr_find(trainer_of(), classifier(), DataLoader(Once(), batch_size=8), **BOUNDS)
    assert len(ended.losses) == 8
    assert ended.stop_reason is StopReason.DATA_ENDED
