"""Small learners for the tests: random numbers through a network with BatchNorm and dropout, and digits."""

from functools import partial

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_finder.learner import DataBunch, Learner, accuracy

SGD = partial(torch.optim.SGD, momentum=0.9)
Adam = partial(torch.optim.Adam, betas=(0.9, 0.99))


def classifier():
    """A network that every kind of state is in: weights, running statistics, random numbers of its dropout."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))


def samples(count=48):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(count, 4, generator=generator)
    return TensorDataset(inputs, (inputs.sum(1) > 0).long() + (inputs[:, 0] > 1).long())


def small_learner(**options):
    """Six batches of 8 to train with, two to validate; every part of it can be replaced."""
    train_dl = options.pop("train_dl", None) or DataLoader(samples(), batch_size=8, shuffle=True)
    data = DataBunch(train_dl, DataLoader(samples(16), batch_size=8), device="cpu", path=options.pop("path", "."))
    return Learner(data, options.pop("model", None) or classifier(), **{"silent": True, "metrics": accuracy, **options})


def digits(batch_size=64):
    """The 1797 digits of scikit-learn, the last 360 to validate with."""
    bunch = load_digits()
    images = torch.tensor(bunch.images / 16, dtype=torch.float32).unsqueeze(1)
    labels = torch.tensor(bunch.target)
    order = torch.Generator().manual_seed(0)
    train_dl = DataLoader(TensorDataset(images[:-360], labels[:-360]), batch_size, shuffle=True, generator=order)
    return DataBunch(train_dl, DataLoader(TensorDataset(images[-360:], labels[-360:]), batch_size), device="cpu")
