"""What these tests share: a module that classifies, its samples, and a quiet trainer of either package."""

import lightning.pytorch
import pytest
import pytorch_lightning
import torch
from torch import nn
from torch.utils.data import DataLoader

from integrations.torch.classifier import classifier as network
from integrations.torch.classifier import samples

PACKAGES = {"lightning": lightning.pytorch, "pytorch_lightning": pytorch_lightning}

# Lightning tells of few workers, of short epochs and of modules in eval mode, and uses what torch 2.13 deprecates.
LIGHTNINGS_WARNINGS = [
    pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore::lightning_fabric.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Total length of .* across ranks is zero:UserWarning"),
]


def batches(**keywords):
    return DataLoader(samples(), batch_size=8, **{"shuffle": True, **keywords})


def classifier(package=lightning.pytorch, optimizers=None):
    """A module that classifies; `optimizers(module)` is its `configure_optimizers`."""

    class Classifier(package.LightningModule):
        def __init__(self):
            super().__init__()
            self.model, self.lr, self.seen = network(), 1e-3, 0

        def training_step(self, batch, batch_idx):
            self.seen += 1
            inputs, target = batch
            loss = nn.functional.cross_entropy(self.model(inputs), target)
            self.log("loss", loss, on_epoch=True)
            return loss

        def validation_step(self, batch, batch_idx):
            raise AssertionError("validated")

        def configure_optimizers(self):
            return optimizers(self) if optimizers else torch.optim.AdamW(self.parameters(), lr=self.lr)

    return Classifier()


def trainer_of(package=lightning.pytorch, **settings):
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False,
             "enable_model_summary": False, "accelerator": "cpu", "max_epochs": 2, "limit_val_batches": 0}  # fmt: skip
    return package.Trainer(**(quiet | settings))


def two_groups(module):
    return torch.optim.SGD(
        [{"params": module.model[0].parameters(), "lr": 1e-4}, {"params": module.model[4].parameters(), "lr": 1e-2}]
    )


def assert_same(these, those):
    assert len(these) == len(those)
    assert all(torch.equal(a, b) for a, b in zip(these, those, strict=True))
