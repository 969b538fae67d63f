"""Plain PyTorch: tries five rates in short trainings, three of them at once, each in a process of its own."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_finder import lr_find


def make():
    """What `lr_find` takes, made in each process; the digits held out judge the trainings."""
    images, digits = load_digits(return_X_y=True)
    images, digits = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(digits)
    model = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Dropout(0.2), nn.Linear(100, 10))
    loss_fn = nn.CrossEntropyLoss()

    def validate():
        model.eval()
        with torch.no_grad():
            return loss_fn(model(images[1500:]), digits[1500:])

    train_loader = DataLoader(TensorDataset(images[:1500], digits[:1500]), 64, shuffle=True)
    return model, torch.optim.AdamW(model.parameters()), loss_fn, train_loader, {"validate": validate}


def main():
    """Searches, and shows what each rate came to."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # for each process; more would get in each other's way
    result = lr_find(make, pool="processes", probes=5)
    print(result.explain())
    for probe in result.probes:
        print(f"{probe.lr:9.2g}  loss on digits held out {probe.validation_loss}")


if __name__ == "__main__":
    main()
