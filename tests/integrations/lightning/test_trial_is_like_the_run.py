"""What a module asks of its trainer is answered in a search as in the run, and nothing of the user's is touched."""

from pathlib import Path

import lightning.pytorch
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, Timer
from lightning.pytorch.loggers import CSVLogger
from torch import nn

from integrations.lightning.classifier import LIGHTNINGS_WARNINGS, PACKAGES, batches, classifier, trainer_of
from integrations.torch.classifier import BOUNDS
from integrations.torch.classifier import classifier as network
from lr_finder import lr_find

pytestmark = [
    *LIGHTNINGS_WARNINGS,
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty:UserWarning"),
]


class Uploading(lightning.pytorch.loggers.logger.Logger):
    """A logger as users write them, which writes elsewhere; it notes that it did."""

    name, version = "mine", 7

    def __init__(self):
        super().__init__()
        self.run_id, self.tags, self.written = "abc", ["first"], []

    @property
    def experiment(self):
        self.written.append("experiment")

    def log_metrics(self, metrics, step=None):
        self.written.append("metrics")

    def log_hyperparams(self, params):
        self.written.append("hyperparameters")

    def upload(self, path):
        self.written.append(path)


class Trainer(lightning.pytorch.Trainer):
    """A trainer that has something of its own."""

    option = "its own"


QUESTIONS = {
    "schedulers": lambda module: [type(scheduler) for scheduler in module.lr_schedulers()],
    "their rates": lambda module: module.lr_schedulers()[0].base_lrs,
    "their length": lambda module: module.lr_schedulers()[0].total_steps,
    "their settings": lambda module: [(it.monitor, it.interval) for it in module.trainer.lr_scheduler_configs],
    "steps to come": lambda module: module.trainer.estimated_stepping_batches,
    "epochs": lambda module: (module.trainer.min_epochs, module.trainer.max_epochs),
    "steps": lambda module: (module.trainer.min_steps, module.trainer.max_steps),
    "where it is": lambda module: (module.trainer.current_epoch, module.trainer.global_step),
    "batches": lambda module: (module.trainer.num_training_batches, module.trainer.num_val_batches),
    "data": lambda module: (type(module.trainer.train_dataloader), type(module.trainer.val_dataloaders)),
    "validation": lambda module: (module.trainer.enable_validation, module.trainer.check_val_every_n_epoch),
    "metrics": lambda module: sorted(module.trainer.callback_metrics),
    "logging": lambda module: module.trainer.log_every_n_steps,
    "callbacks": lambda module: [type(it).__name__ for it in module.trainer.callbacks[:2]],
    "checkpoints": lambda module: Path(module.trainer.checkpoint_callback.best_model_path).name,
    "their folder": lambda module: Path(module.trainer.checkpoint_callback.dirpath).name,
    "early stopping": lambda module: module.trainer.early_stopping_callback.patience,
    "the module's callback": lambda module: any(isinstance(it, Timer) for it in module.trainer.callbacks),
    "progress bar": lambda module: module.trainer.progress_bar_callback.refresh_rate,
    "loggers": lambda module: [(type(it).__name__, it.name, it.version) for it in module.loggers],
    "kind of logger": lambda module: isinstance(module.logger, CSVLogger),
    "of a logger": lambda module: (module.loggers[1].run_id, module.loggers[1].tags, module.loggers[1].save_dir),
    "log_dir": lambda module: Path(module.trainer.log_dir).is_dir(),
    "its own": lambda module: module.trainer.option,
    "stopping": lambda module: module.trainer.should_stop,
}


class Asking(lightning.pytorch.LightningModule):
    """Asks everything at the first step of each training, and tells the list."""

    def __init__(self, told):
        super().__init__()
        self.model, self.tell = network(), told.append

    def training_step(self, batch, batch_idx):
        if batch_idx == 0:
            self.tell({name: ask(self) for name, ask in QUESTIONS.items()})
        loss = nn.functional.cross_entropy(self.model(batch[0]), batch[1])
        self.log("loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", torch.zeros(()))

    def configure_callbacks(self):
        return Timer()

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=1e-3, momentum=0.9)
        one_cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, self.trainer.estimated_stepping_batches)
        on_plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
        schedulers = [{"scheduler": one_cycle, "interval": "step"}, {"scheduler": on_plateau, "monitor": "val_loss"}]
        return [optimizer], schedulers


def asked(do, folder, epochs_before):
    """What the first step of a fit, or of a search before it, is told."""
    trainer = Trainer(
        max_epochs=3, max_steps=30, accelerator="cpu", limit_val_batches=2, log_every_n_steps=7,
        default_root_dir=folder, logger=[CSVLogger(folder), Uploading()], num_sanity_val_steps=0,
        enable_model_summary=False, callbacks=[EarlyStopping("val_loss", patience=5)],
    )  # fmt: skip
    told = []
    module = Asking(told)
    if epochs_before:
        trainer.fit_loop.max_epochs = epochs_before
        trainer.fit(module, batches(), batches(shuffle=False))
        trainer.fit_loop.max_epochs = 3
        told.clear()
    do(trainer, module)
    return told[0]


@pytest.mark.parametrize("epochs_before", [0, 1])
def test_all_that_a_module_can_ask_is_answered_as_in_the_run(tmp_path, epochs_before):
    def fit(trainer, module):
        trainer.fit(module, batches(), batches(shuffle=False))

    def search(trainer, module):
        lr_find(trainer, module, batches(), batches(shuffle=False), **BOUNDS)

    in_the_run = asked(fit, tmp_path / "run", epochs_before)
    assert asked(search, tmp_path / "search", epochs_before) == in_the_run


class Writing(lightning.pytorch.LightningModule):
    """Writes wherever its trainer tells it to, notes where that was, and stops itself."""

    def __init__(self, folders, target):
        super().__init__()
        self.model, self.note, self.target = network(), folders.append, target

    def training_step(self, batch, batch_idx):
        for folder in (self.trainer.log_dir, self.trainer.default_root_dir, self.trainer.checkpoint_callback.dirpath):
            Path(folder).mkdir(parents=True, exist_ok=True)
            Path(folder, f"{batch_idx}.txt").touch()
            self.note(folder)
        self.trainer.save_checkpoint(self.target)
        for logger in self.loggers:
            logger.experiment.config["lr"] = 1.0
            with logger.experiment.start_run() as run:
                run.summary.update(loss=1.0)
            logger.log_metrics({"loss": 1.0})
            assert Path(logger.experiment.dir).is_dir()
        if len(self.loggers) > 1:
            self.loggers[1].upload("file")
            self.loggers[1].tags.append("searched")
        self.print("to the progress bar")
        self.trainer.should_stop = True
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


@pytest.mark.parametrize("logs", [True, False])
def test_what_a_module_writes_to_a_folder_of_the_trainer_or_to_a_logger_is_gone(tmp_path, logs):
    folders, uploading = [], Uploading()
    trainer = Trainer(
        accelerator="cpu", max_epochs=1, default_root_dir=tmp_path, enable_progress_bar=False,
        logger=[CSVLogger(tmp_path), uploading] if logs else False, enable_model_summary=False,
    )  # fmt: skip
    result = lr_find(trainer, Writing(folders, tmp_path / "last.ckpt"), batches(), num_it=60)
    assert len(result.losses) > 20
    assert not any(Path(folder).exists() for folder in folders)
    assert list(tmp_path.iterdir()) == []
    assert (uploading.written, uploading.tags) == ([], ["first"])


def of_each_step(module):
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    return [optimizer], [{"scheduler": decay, "interval": "step"}]


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_schedulers_are_there_and_are_not_stepped(package):
    module, said = classifier(package, of_each_step), []
    train = module.training_step
    module.training_step = lambda *batch: (said.extend(module.lr_schedulers().get_last_lr()), train(*batch))[1]
    result = lr_find(trainer_of(package), module, batches(), **BOUNDS)
    assert said == [0.1] * 20
    assert result.lrs[-1] == BOUNDS["end_lr"]
    assert result.curve.notes == ()


def test_a_metric_of_validation_is_missed_with_the_line_to_write():
    module = classifier()
    module.on_train_epoch_end = lambda: module.trainer.callback_metrics["val_loss"]
    with pytest.raises(KeyError, match=r"'val_loss' is not among the metrics of the search, .* if 'val_loss' in"):
        lr_find(trainer_of(), module, batches(), num_it=60)
    module.on_train_epoch_end = lambda: module.trainer.callback_metrics.get("val_loss")
    assert len(lr_find(trainer_of(), module, batches(), num_it=60).losses) > 20
