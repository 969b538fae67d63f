"""Finds the learning rate of a small network on handwritten digits, then trains with it.

Run it as it is, or leave the search to the command line: `lr-find run examples/digits.py:make`.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_finder import lr_find


def make():
    """What `lr_find` takes: the model, its optimizer, the loss and the training batches."""
    torch.manual_seed(0)
    scans = load_digits()
    images = torch.tensor(scans.data / 16, dtype=torch.float32)
    model = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Dropout(0.2), nn.Linear(100, 10))
    optimizer = torch.optim.AdamW(model.parameters())
    loader = DataLoader(TensorDataset(images, torch.tensor(scans.target)), batch_size=64, shuffle=True)
    return model, optimizer, nn.functional.cross_entropy, loader


def main():
    """Searches, takes the rate and trains one epoch."""
    model, optimizer, loss_fn, loader = make()
    result = lr_find(model, optimizer, loss_fn, loader)
    print(result.explain())
    result.apply(optimizer)
    for images, digits in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(images), digits)
        loss.backward()
        optimizer.step()
    print(f"The loss after one epoch is {loss.item():.2f}.")


if __name__ == "__main__":
    main()
