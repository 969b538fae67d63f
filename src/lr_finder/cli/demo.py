"""The demonstration: a small convolutional network that learns to read handwritten digits."""

from typing import Any

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = 0
BATCH_SIZE = 32
EPOCHS = 2
VALIDATION_SHARE = 0.2


def make_training(lr: float = 1e-3) -> tuple[nn.Module, torch.optim.Optimizer, nn.Module, DataLoader[Any]]:
    """The model, its optimizer, the loss and the training digits; the same initial weights and order on every call."""
    torch.manual_seed(SEED)
    model = nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(32 * 2 * 2, 10),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    training_digits, _ = _digits()
    order = torch.Generator().manual_seed(SEED)
    loader = DataLoader(training_digits, batch_size=BATCH_SIZE, shuffle=True, generator=order)
    return model, optimizer, nn.CrossEntropyLoss(), loader


def accuracy_after_training(lr: float) -> float:
    """The share of the validation digits that the network reads correctly after two epochs at this rate."""
    model, optimizer, loss_fn, loader = make_training(lr)
    for _ in range(EPOCHS):
        for images, digits in loader:
            optimizer.zero_grad()
            loss_fn(model(images), digits).backward()
            optimizer.step()
    model.eval()
    _, (images, digits) = _digits()
    with torch.no_grad():
        return (model(images).argmax(dim=1) == digits).double().mean().item()


def _digits() -> tuple[TensorDataset, tuple[torch.Tensor, torch.Tensor]]:
    """The 1797 scans of 8 x 8 pixels that come with scikit-learn: four fifths to train with, one to validate."""
    scans: Any = load_digits()
    images = torch.tensor(scans.images / 16, dtype=torch.float32).unsqueeze(1)
    digits = torch.tensor(scans.target)
    parts: Any = train_test_split(images, digits, test_size=VALIDATION_SHARE, stratify=digits, random_state=SEED)
    return TensorDataset(parts[0], parts[2]), (parts[1], parts[3])
