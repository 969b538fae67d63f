"""Lightning: finds the learning rate of a small network on handwritten digits, then trains with it."""

import lightning
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_finder import lr_find


class Classifier(lightning.LightningModule):
    """A network with one hidden layer."""

    def __init__(self, lr=1e-3):
        super().__init__()
        self.lr = lr
        self.network = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Dropout(0.2), nn.Linear(100, 10))

    def training_step(self, batch, batch_idx):
        """The loss of a batch."""
        images, digits = batch
        loss = nn.functional.cross_entropy(self.network(images), digits)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        """AdamW at the module's rate."""
        return torch.optim.AdamW(self.parameters(), lr=self.lr)


def make():
    """What `lr_find` takes: the trainer, the module and the batches."""
    torch.manual_seed(0)
    scans = load_digits()
    data = TensorDataset(torch.tensor(scans.data / 16, dtype=torch.float32), torch.tensor(scans.target))
    trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False)
    return trainer, Classifier(), DataLoader(data, batch_size=64, shuffle=True)


def main():
    """Searches, takes the rate and trains one epoch."""
    trainer, module, loader = make()
    result = lr_find(trainer, module, loader)
    print(result.explain())
    module.lr = float(result.suggestion)
    trainer.fit(module, loader)
    print(f"The loss of the last batch is {trainer.callback_metrics['loss']:.2f}.")


if __name__ == "__main__":
    main()
