"""Accelerate: finds the learning rate of a small network on handwritten digits, then trains with it."""

import torch
from accelerate import Accelerator
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_finder import lr_find


def make(accelerator):
    """What `lr_find` takes: the prepared model and optimizer, the loss, and the prepared batches."""
    torch.manual_seed(0)
    scans = load_digits()
    images = torch.tensor(scans.data / 16, dtype=torch.float32)
    model = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Dropout(0.2), nn.Linear(100, 10))
    optimizer = torch.optim.AdamW(model.parameters())
    loader = DataLoader(TensorDataset(images, torch.tensor(scans.target)), batch_size=32, shuffle=True)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    return model, optimizer, nn.functional.cross_entropy, loader


def main():
    """Searches, takes the rate and trains one epoch."""
    accelerator = Accelerator(gradient_accumulation_steps=2, mixed_precision="bf16", cpu=True)
    model, optimizer, loss_fn, loader = make(accelerator)
    result = lr_find(model, optimizer, loss_fn, loader)
    print(result.explain())
    result.apply(optimizer)
    for images, digits in loader:
        with accelerator.accumulate(model):
            loss = loss_fn(model(images), digits)
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
    print(f"The loss after one epoch is {loss.item():.2f}.")


if __name__ == "__main__":
    main()
