"""fastai 2: finds the learning rate of a small network on handwritten digits, then trains with it."""

import torch
from fastai.callback.schedule import Learner
from fastai.data.core import DataLoaders
from fastai.metrics import accuracy
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import TensorDataset

from lr_finder import lr_find


def make():
    """What `lr_find` takes: the Learner."""
    torch.manual_seed(0)
    images, digits = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(images / 16, dtype=torch.float32), torch.tensor(digits))
    train, valid = torch.utils.data.random_split(data, [0.8, 0.2])
    dls = DataLoaders.from_dsets(train, valid, bs=64, device=torch.device("cpu"))
    model = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Dropout(0.2), nn.Linear(100, 10))
    return Learner(dls, model, loss_func=nn.CrossEntropyLoss(), metrics=accuracy)


def main():
    """Searches, takes the rate and trains two epochs."""
    learn = make()
    result = lr_find(learn)
    print(result.explain())
    with learn.no_bar():
        learn.fit_one_cycle(2, float(result.suggestion))


if __name__ == "__main__":
    main()
