"""LightningCLI: the callback in a configuration, and a rate that only its optimizer arguments have."""

import lightning.pytorch.cli
import numpy as np
import pytest
import pytorch_lightning.cli
import torch
import yaml
from torch import nn
from torch.utils.data import DataLoader

from integrations.lightning.classifier import LIGHTNINGS_WARNINGS, PACKAGES, assert_same
from integrations.torch.classifier import classifier as network
from integrations.torch.classifier import samples
from lr_finder import lr_find

pytestmark = [
    *LIGHTNINGS_WARNINGS,
    pytest.mark.filterwarnings("ignore:.*configure_optimizers` will be overridden by:UserWarning"),
]

CALLBACKS = {
    lightning.pytorch: "lr_finder.integrations.lightning.LRFinderCallback",
    pytorch_lightning: "lr_finder.integrations.pytorch_lightning.LRFinderCallback",
}


def module_class(package):
    class Classifier(package.LightningModule):
        def __init__(self, rate: float = 1e-3):
            super().__init__()
            self.save_hyperparameters()
            self.model = network()

        def training_step(self, batch, batch_idx):
            return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

        def train_dataloader(self):
            return DataLoader(samples(512), batch_size=64, shuffle=True)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=self.hparams.rate, momentum=0.9)

    return Classifier


@pytest.fixture
def cli(tmp_path, monkeypatch):
    """What starts LightningCLI from a configuration file, as `python train.py fit --config train.yaml` does."""
    monkeypatch.setattr("sys.argv", ["train.py"])
    monkeypatch.setenv("PL_GLOBAL_SEED", "5")  # set by the CLI, too
    monkeypatch.setenv("PL_SEED_WORKERS", "0")
    monkeypatch.setenv("JSONARGPARSE_DEPRECATION_WARNINGS", "off")  # Lightning 2.6 uses what 4.53 deprecates

    def start(package=lightning.pytorch, callback=None, run=True, **sections):
        trainer = {
            "accelerator": "cpu", "max_epochs": 2, "default_root_dir": str(tmp_path), "logger": False,
            "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False,
        }  # fmt: skip
        if callback is not None:
            trainer["callbacks"] = [{"class_path": CALLBACKS[package], **callback}]
        config = tmp_path / "train.yaml"
        config.write_text(yaml.safe_dump({"seed_everything": 5, "trainer": trainer, **sections}))
        return package.cli.LightningCLI(
            module_class(package), args=["fit"] * run + ["--config", str(config)], run=run,
            save_config_kwargs={"overwrite": True},
        )  # fmt: skip

    return start


def callback_of(cli):
    return next(it for it in cli.trainer.callbacks if type(it).__name__ == "LRFinderCallback")


ARGUMENTS = {
    "none": {},
    "some": {"init_args": {"attribute": "hparams.rate", "num_it": 60, "probes": 2, "probe_steps": 16}},
    "a range": {"init_args": {"start_lr": 1e-5, "end_lr": [10.0], "num_it": 60, "progress": False}},
}


@pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)
@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_the_callback_may_stand_in_a_configuration(cli, package, arguments):
    ran = cli(package, arguments)
    callback = callback_of(ran)
    assert ran.trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(callback.result.suggestion.lr)
    assert len(callback.result.probes) == arguments.get("init_args", {}).get("probes", 0)
    assert (ran.model.hparams.rate == 1e-3) is (callback.attribute is None)


def test_an_option_that_no_search_has_is_refused_by_the_configuration(cli, capsys):
    with pytest.raises(SystemExit):
        cli(callback={"init_args": {"num_iter": 100}})
    assert "num_iter" in capsys.readouterr().err


SCHEDULES = {
    "none": None,
    "cosine": {"class_path": "torch.optim.lr_scheduler.CosineAnnealingLR", "init_args": {"T_max": 4}},
    "one cycle": {"class_path": "torch.optim.lr_scheduler.OneCycleLR", "init_args": {"max_lr": 0.7, "total_steps": 4}},
}


def optimizer(lr):
    return {"class_path": "torch.optim.SGD", "init_args": {"lr": lr, "momentum": 0.9}}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_rate_in_optimizer_arguments_is_set_with_its_schedule_as_if_it_had_stood_there(cli, schedule):
    """What LightningCLI makes it makes once, so that a search could leave its momentum in the optimizer."""
    sections = {} if SCHEDULES[schedule] is None else {"lr_scheduler": SCHEDULES[schedule]}
    searched = cli(callback={}, optimizer=optimizer(0.001), **sections)
    found = callback_of(searched).result.suggestion.lr
    if schedule == "one cycle":
        sections["lr_scheduler"]["init_args"]["max_lr"] = found
    alone = cli(optimizer=optimizer(found), **sections)
    assert_same(*(list(each.model.state_dict().values()) for each in (searched, alone)))
    lrs = [each.trainer.optimizers[0].param_groups[0]["lr"] for each in (searched, alone)]
    assert lrs[0] == pytest.approx(lrs[1], rel=1e-12)


def test_a_search_leaves_the_optimizer_that_the_cli_made_as_it_was(cli):
    made = cli(run=False, optimizer=optimizer(0.001), lr_scheduler=SCHEDULES["cosine"])
    first, again = (lr_find(made.trainer, made.model, num_it=60) for _ in range(2))
    np.testing.assert_array_equal(again.losses, first.losses)
    [kept], [schedule] = made.model.configure_optimizers()
    assert kept.state == {}
    assert kept.param_groups[0]["lr"] == schedule.get_last_lr()[0] == 0.001
