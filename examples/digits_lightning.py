"""Lightning: finds the learning rate of a small network on handwritten digits, then trains with it."""

import lightning
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_finder import lr_find


class Digits(lightning.LightningDataModule):
    """Scans of handwritten digits."""

    def setup(self, stage):
        scans = load_digits()
        self.scans = TensorDataset(torch.tensor(scans.data / 16, dtype=torch.float32), torch.tensor(scans.target))

    def train_dataloader(self):
        return DataLoader(self.scans, batch_size=64, shuffle=True)


class Classifier(lightning.LightningModule):
    """A network with one hidden layer."""

    def __init__(self, lr=1e-3):
        super().__init__()
        self.lr = lr
        self.network = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Dropout(0.2), nn.Linear(100, 10))

    def training_step(self, batch, batch_idx):
        images, digits = batch
        return nn.functional.cross_entropy(self.network(images), digits)

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=self.lr)


def make():
    """What `lr_find` takes: the trainer, the module and the data."""
    torch.manual_seed(0)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    return lightning.Trainer(max_epochs=1, accelerator="cpu", **quiet), Classifier(), Digits()


def main():
    """Searches, takes the rate and trains one epoch."""
    trainer, module, data = make()
    result = lr_find(trainer, module, datamodule=data)
    print(result.explain())
    module.lr = float(result.suggestion)
    trainer.fit(module, datamodule=data)


if __name__ == "__main__":
    main()
