"""Lightning, on the quadratic."""

import warnings
from typing import Any

import lightning.pytorch as package
import torch

from lr_finder import lr_find
from quadratic import Quadratic, Run, loader, mean_output, run
from ways.plain_torch import Fault

SETTINGS = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False,
            "enable_model_summary": False}  # fmt: skip


class Refusing(package.Callback):
    """Fails at whatever a trial must not fire."""

    def on_fit_start(self, trainer, pl_module):
        raise AssertionError("a callback of the user's was fired")


class LitQuadratic(package.LightningModule):
    """The quadratic, with a fault in its loss."""

    def __init__(self, fault: Fault):
        super().__init__()
        self.model, self.fault = Quadratic(), fault

    def training_step(self, batch, batch_idx):
        inputs, target = batch
        return mean_output(self.model(inputs), target) * self.fault()

    def configure_optimizers(self):
        return torch.optim.SGD(self.model.parameters(), lr=0.01)


def lightning(fault: Fault, **bounds: Any) -> Run:
    module = LitQuadratic(fault)
    trainer = package.Trainer(max_epochs=1, callbacks=[Refusing()], **SETTINGS)
    before = {name: value for name, value in vars(trainer).items() if isinstance(value, (int, float, bool, str))}

    def check() -> None:
        assert module.model.weight.item() == 3
        assert module.model.weight.grad is None
        assert module._trainer is None
        assert trainer.global_step == trainer.current_epoch == 0
        assert {name: vars(trainer)[name] for name in before} == before

    def search():
        with warnings.catch_warnings():
            # Lightning 2.6 uses what torch 2.13 deprecates.
            warnings.filterwarnings("ignore", ".*treespec, LeafSpec", FutureWarning)
            return lr_find(trainer, module, train_dataloaders=loader(), **bounds)

    return run(search, check)
