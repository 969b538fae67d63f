"""What these tests share: a small classifier, its samples, and the bounds of a search."""

import torch
from torch import nn
from torch.utils.data import TensorDataset

BOUNDS = {"start_lr": 1e-4, "end_lr": 0.1, "num_it": 20}


def classifier(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))


def samples(count=64):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(count, 4, generator=generator)
    return TensorDataset(inputs, (inputs.sum(1) > 0).long() + (inputs[:, 0] > 1).long())
