"""Functions that make a training, for the workers of a pool to import."""

import atexit
import os
import signal
import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

QUICK = {"start_lr": 1e-3, "end_lr": 1.0, "num_it": 40, "probes": 4, "probe_steps": 16}
"""Options of a search that takes the least time; it has more than one round of probes."""

FOLDER = "LR_FINDER_TEST_FOLDER"
"""The environment variable that names the folder in which a training notes what was done."""


def plain():
    """Draws its data, its weights, the order of its batches and what it drops from generators that nobody seeds."""
    inputs = torch.randn(96, 12)
    labels = (inputs @ torch.randn(12, 3)).argmax(1)
    model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 3))
    loss_fn = nn.CrossEntropyLoss()

    def validate():
        with torch.no_grad():
            return loss_fn(model(inputs), labels)

    loader = DataLoader(TensorDataset(inputs, labels), 16, shuffle=True)
    return model, torch.optim.AdamW(model.parameters()), loss_fn, loader, {"validate": validate}


def by_optimizer():
    """Two optimizers of different classes, whose rates are searched for one by one."""
    body, head = nn.Linear(12, 8), nn.Linear(8, 1)
    optimizers = [torch.optim.SGD(body.parameters(), lr=0.1), torch.optim.Adam(head.parameters(), lr=1e-3)]
    batches = [torch.randn(16, 12) for _ in range(8)]

    def step(batch):
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = (head(body(batch)).squeeze(1) - batch.sum(1)).square().mean()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        return loss

    return {"step": step, "optimizer": optimizers, "train_loader": iter(batches * 40), "state": [body, head]}


def skorch():
    from skorch import NeuralNetClassifier

    model, *_, loader, _ = plain()
    inputs, labels = loader.dataset.tensors
    options = {"batch_size": 16, "iterator_train__shuffle": True, "train_split": None, "verbose": 0}
    return (
        NeuralNetClassifier(model, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.AdamW, **options),
        inputs,
        labels,
    )


def dies_once():
    """The first worker that validates is killed."""
    *training, _ = plain()

    def kill():
        notes = Path(os.environ[FOLDER])
        if notes.joinpath("died").exists():
            return
        notes.joinpath("died").touch()
        os.kill(os.getpid(), signal.SIGKILL)

    return (*training, {"validate": lambda: kill() or 1.0})


def always_dies():
    *training, _ = plain()
    return (*training, {"validate": lambda: os._exit(9)})


class Misfortune(Exception):
    """An exception of the user's own, which can't be made of its text alone."""

    def __init__(self, code, reason):
        super().__init__(f"{reason} ({code})")


def raises():
    *training, _ = plain()

    def look_closely():
        raise KeyError("nothing there")

    return (*training, {"validate": look_closely})


def raises_its_own():
    raise Misfortune(7, "no data")


def raises_and_takes_its_time_to_end():
    atexit.register(time.sleep, 2)
    raise KeyError("nothing there")


def slow():
    """Takes its time in a probe, and writes down who makes it."""
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step():
        if optimizer.param_groups[0]["lr"] == step.last:  # a probe
            Path(os.environ[FOLDER], str(os.getpid())).touch()
            time.sleep(0.25)
        step.last = optimizer.param_groups[0]["lr"]
        optimizer.zero_grad()
        loss = (model(torch.ones(4, 1)) - 3).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    step.last = 0.0
    return step, {"optimizer": optimizer, "state": [model]}
