"""Loaders: generators, epochs, positions and running workers come back; the samples are not copied."""

import os
from functools import partial

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, ConcatDataset, DataLoader, Dataset, Subset, TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

from lr_finder.preserve import preserve
from preserve.fingerprint import fingerprint
from preserve.loaders import LOADERS, Noisy, samples

pytestmark = pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning")  # torchdata 0.11 calls it


def batches(loader):
    return [batch[0].tolist() for batch in loader]


def test_samples_are_not_copied():
    data = TensorDataset(torch.zeros(1000, 100))
    loader = DataLoader(ConcatDataset([Subset(data, range(500)), data]), shuffle=True)
    with preserve(loader) as snapshot:
        assert snapshot.nbytes == 0


class Counting:
    """A sampler and a collate function of no torch class, which count how often they were used."""

    def __init__(self):
        self.used = 0

    def __len__(self):
        return 4

    def __iter__(self):
        self.used += 1
        return iter(range(4))

    def __call__(self, rows):
        self.used += 1
        return torch.tensor(rows)


def test_samplers_and_collate_functions_of_ones_own_come_back():
    sampler, collate = Counting(), Counting()
    loader = DataLoader([1, 2, 3, 4], batch_size=2, sampler=sampler, collate_fn=collate)
    with preserve(loader):
        for _ in range(3):
            list(loader)
        assert sampler.used == 3
        assert collate.used == 6
    assert sampler.used == collate.used == 0


class Workplace(Dataset):
    """Says which process reads it."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return os.getpid()


def test_persistent_workers_are_the_same_processes_and_the_blocks_own_are_gone():
    loader = DataLoader(Workplace(), num_workers=1, persistent_workers=True)
    (ours,) = {int(process) for process in loader}
    with preserve(loader):
        (theirs,) = {int(process) for process in loader}
        assert theirs != ours
    assert {int(process) for process in loader} == {ours}
    with pytest.raises(ProcessLookupError):
        os.kill(theirs, 0)


def test_a_block_that_starts_over_sets_persistent_workers_aside_once_more():
    loader = DataLoader(Workplace(), num_workers=1, persistent_workers=True)
    ours = {int(process) for process in loader}
    with preserve(loader) as snapshot:
        snapshot.start_over()
        assert ours.isdisjoint(int(process) for process in loader)
    assert {int(process) for process in loader} == ours


def test_an_epoch_goes_on_in_the_middle():
    for name in ("shuffled", "own generator", "noisy", "iterable", "persistent workers", "stateful"):
        torch.manual_seed(0)
        expected = batches(LOADERS[name]())
        torch.manual_seed(0)
        loader = LOADERS[name]()
        epoch = iter(loader)
        first = next(epoch)[0].tolist()
        with preserve(loader):
            batches(loader)
        assert [first, *batches(epoch)] == expected, name


def test_a_stateful_loader_says_the_same_of_its_position():
    loader = StatefulDataLoader(samples(), 8, shuffle=True)
    epoch = iter(loader)
    next(epoch), next(epoch)
    before = loader.state_dict()
    with preserve(loader):
        batches(loader)
    assert str(loader.state_dict()) == str(before)


def test_a_stateful_loader_about_to_resume_still_resumes():
    def resuming():
        loader = StatefulDataLoader(samples(), 8)
        next(iter(loader))
        fresh = StatefulDataLoader(samples(), 8)
        fresh.load_state_dict(loader.state_dict())
        return fresh

    loader = resuming()
    with preserve(loader):
        assert len(batches(loader)) == 6
    assert batches(loader) == batches(resuming())


class Reader:
    """A part of a data set that is no data set."""

    def __init__(self):
        self.noise = np.random.default_rng(1)


class Nested(Noisy):
    def __init__(self):
        super().__init__()
        self.steps = [Reader(), {"reader": Reader()}]
        self.counts = {"read": 0}


def test_generators_deep_inside_a_data_set_are_found():
    data = Nested()
    before = fingerprint(data)
    with preserve(DataLoader(Subset(data, range(3)))):
        data.noise.random()
        data.steps[0].noise.random()
        data.steps[1]["reader"].noise.random()
        data.steps.append("another")
        data.counts["read"] += 1
    assert fingerprint(data) == before


def test_the_data_of_a_sampler_that_is_given_alone_are_not_copied():
    sampler = torch.utils.data.RandomSampler([torch.zeros(100)], generator=torch.Generator().manual_seed(1))
    before = fingerprint(sampler)
    with preserve(sampler) as snapshot:
        list(sampler)
    assert snapshot.nbytes == 0
    assert fingerprint(sampler) == before


def test_a_data_set_that_is_given_itself_comes_back_with_its_samples():
    data = samples()
    before = fingerprint(data)
    with preserve(DataLoader(data), data):
        data.tensors[0].zero_()
    assert fingerprint(data) == before


class Endless:
    """Batches without end, from an iterator that it keeps."""

    def __init__(self, loader):
        self.loader, self.running = loader, iter(loader)


@pytest.mark.parametrize("name", ["in order", "iterable", "workers", "persistent workers", "stateful"])
def test_an_iterator_that_went_on_in_the_block_does_not_go_unseen(name):
    endless, weights = Endless(LOADERS[name]()), torch.zeros(2)
    next(endless.running)
    with preserve(endless):  # an iterator of the block's own is no trouble
        batches(endless.loader)

    def go_on():
        with preserve(endless, weights):
            weights.add_(1)
            next(endless.running), next(endless.running)

    with pytest.raises(RuntimeError, match="the block took 2 batches from an iterator in use, which can't be wound"):
        go_on()
    assert weights.sum() == 0


def test_an_iterator_in_use_is_refused():
    with pytest.raises(TypeError, match="got _SingleProcessDataLoaderIter"), preserve(iter(DataLoader(samples()))):
        pass


class Mixing:
    """Draws from a generator of its own, in what is called."""

    def __init__(self):
        self.generator = np.random.default_rng(0)

    def add_noise(self, item):
        return item + self.generator.normal()

    def collate(self, items):
        return torch.stack([self.add_noise(item) for item in items])


def add_noise(item, generator):
    return item + generator.normal()


class Transformed(Dataset):
    def __init__(self, transform):
        self.transform = transform

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return self.transform(torch.tensor(float(index)))


class Epochs:
    """Goes through the data in an order that depends on how often it has."""

    def __init__(self):
        self.epoch = 0

    def __len__(self):
        return 8

    def __iter__(self):
        self.epoch += 1
        return iter(np.random.default_rng(self.epoch).permutation(8).tolist())


def collate_with(items, generator):
    return torch.stack([add_noise(item, generator) for item in items])


CALLED = {
    "collate_fn, a method": lambda: DataLoader(torch.arange(8.0), 4, collate_fn=Mixing().collate),
    "collate_fn, a partial function": lambda: DataLoader(
        torch.arange(8.0), 4, collate_fn=partial(collate_with, generator=np.random.default_rng(0))
    ),
    "transform, a method": lambda: DataLoader(Transformed(Mixing().add_noise), 4),
    "transform, a partial function": lambda: DataLoader(
        Transformed(partial(add_noise, generator=np.random.default_rng(0))), 4
    ),
    "a sampler of any class": lambda: DataLoader(torch.arange(8.0), batch_sampler=BatchSampler(Epochs(), 4, False)),
}


@pytest.mark.parametrize("make", CALLED.values(), ids=CALLED)
def test_what_is_behind_something_that_is_called_comes_back(make):
    loader, twin = make(), make()
    with preserve(loader):
        list(loader)
    assert torch.equal(torch.cat(list(loader)), torch.cat(list(twin)))
