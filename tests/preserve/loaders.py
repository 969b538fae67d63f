"""Loaders of every kind: where they draw their order from, who reads the samples, and what they remember."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler, TensorDataset, WeightedRandomSampler
from torchdata.stateful_dataloader import StatefulDataLoader

SAMPLES = 56


def samples() -> TensorDataset:
    generator = torch.Generator().manual_seed(7)
    inputs = torch.randn(SAMPLES, 8, generator=generator)
    return TensorDataset(inputs, (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0.3).long())


class Noisy(Dataset):
    """Adds noise from a generator of its own to every sample."""

    def __init__(self):
        self.samples = samples()
        self.noise = np.random.default_rng(11)

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        inputs, target = self.samples[index]
        return inputs + torch.from_numpy(self.noise.normal(size=8, scale=0.1)).float(), target


class Stream(IterableDataset):
    """Goes on where the last epoch ended, in blocks that it shuffles with the global generator."""

    def __init__(self):
        self.samples = samples()
        self.position = 0
        self.seen = []

    def __iter__(self):
        for _ in range(SAMPLES):
            self.position = (self.position + 1 + int(torch.randint(3, ()))) % SAMPLES
            self.seen.append(self.position)
            yield self.samples[self.position]


class EpochSampler(Sampler):
    """Seeds itself with a counter of epochs, as a distributed sampler does."""

    def __init__(self):
        self.epoch = 0

    def __len__(self):
        return SAMPLES

    def __iter__(self):
        self.epoch += 1
        yield from torch.randperm(SAMPLES, generator=torch.Generator().manual_seed(self.epoch)).tolist()


class OwnBatches:
    """A batch sampler of no known class, which counts epochs."""

    def __init__(self):
        self.epoch = 0

    def __len__(self):
        return SAMPLES // 8

    def __iter__(self):
        self.epoch += 1
        yield from np.random.default_rng(self.epoch).permutation(SAMPLES).reshape(-1, 8).tolist()


class Mixing:
    """A function object that puts batches together, and draws on a generator to do so."""

    def __init__(self):
        self.mix = torch.Generator().manual_seed(9)

    def __call__(self, items):
        inputs, targets = torch.utils.data.default_collate(items)
        return inputs + torch.rand(inputs.shape, generator=self.mix) / 10, targets


class OwnLoader:
    """A loader that torch knows nothing of."""

    def __init__(self):
        self.inputs, self.targets = samples().tensors
        self.order = np.random.default_rng(2)

    def __iter__(self):
        for rows in self.order.permutation(SAMPLES).reshape(-1, 8):
            yield self.inputs[rows], self.targets[rows]


LOADERS: dict[str, Callable[[], Iterable[Any]]] = {
    "in order": lambda: DataLoader(samples(), 8),
    "shuffled": lambda: DataLoader(samples(), 8, shuffle=True),
    "own generator": lambda: DataLoader(samples(), 8, shuffle=True, generator=torch.Generator().manual_seed(3)),
    "weighted": lambda: DataLoader(samples(), 8, sampler=WeightedRandomSampler([1.0, 2.0] * (SAMPLES // 2), SAMPLES)),
    "epoch sampler": lambda: DataLoader(samples(), 8, sampler=EpochSampler()),
    "own batches": lambda: DataLoader(samples(), batch_sampler=OwnBatches()),
    "noisy": lambda: DataLoader(Noisy(), 8, shuffle=True, collate_fn=Mixing()),
    "iterable": lambda: DataLoader(Stream(), 8),
    "workers": lambda: DataLoader(Noisy(), 8, shuffle=True, num_workers=1),
    "persistent workers": lambda: DataLoader(Noisy(), 8, shuffle=True, num_workers=1, persistent_workers=True),
    "stateful": lambda: StatefulDataLoader(samples(), 8, shuffle=True),
    "stateful workers": lambda: StatefulDataLoader(Noisy(), 8, shuffle=True, num_workers=1, persistent_workers=True),
    "own loader": OwnLoader,
}
