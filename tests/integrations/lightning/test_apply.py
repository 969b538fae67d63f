"""Giving a rate to a module, wherever it keeps it, and to a trainer with its optimizers and schedulers."""

from dataclasses import dataclass, field

import lightning.pytorch
import pytest
import torch
from torch.utils.data import DataLoader

from integrations.lightning.classifier import LIGHTNINGS_WARNINGS, PACKAGES, classifier, trainer_of
from integrations.torch.classifier import samples
from lr_finder.integrations.lightning_trainer.apply import apply

pytestmark = LIGHTNINGS_WARNINGS


@dataclass
class Optim:
    lr: float = 0.1


@dataclass(frozen=True)
class Frozen:
    lr: float = 0.1


@dataclass
class Config:
    optim: Optim = field(default_factory=Optim)
    frozen: Frozen = field(default_factory=Frozen)


class Configured(lightning.pytorch.LightningModule):
    """Keeps rates in every kind of place."""

    def __init__(self, optim=None, groups=None, **others):
        super().__init__()
        self.save_hyperparameters()
        self.config, self.table, self.learning_rate = Config(), {"a-b": 0.1}, None
        self.register_buffer("held", torch.tensor(0.1))

    @property
    def lr(self):
        return self.hparams.optim["lr"]


def configured():
    return Configured(optim={"lr": 0.1}, groups=[{"lr": 0.1}, {"lr": 0.2}], rate=0.1)


WRITTEN = {
    "rate": ("hparams.rate", lambda module: module.hparams.rate),
    "hparams.rate": ("hparams.rate", lambda module: module.hparams["rate"]),
    "optim.lr": ("hparams.optim.lr", lambda module: module.lr),
    'hparams["optim"]["lr"]': ('hparams["optim"]["lr"]', lambda module: module.lr),
    "hparams.groups[1].lr": ("hparams.groups[1].lr", lambda module: module.hparams.groups[1]["lr"]),
    "config.optim.lr": ("config.optim.lr", lambda module: module.config.optim.lr),
    "table['a-b']": ("table['a-b']", lambda module: module.table["a-b"]),
    "learning_rate": ("learning_rate", lambda module: module.learning_rate),
    "held": ("held", lambda module: float(module._buffers["held"])),
}


@pytest.mark.parametrize("attribute", WRITTEN)
def test_an_attribute_may_be_a_path_to_wherever_the_rate_is(attribute):
    path, read = WRITTEN[attribute]
    module = configured()
    old = read(module)
    assert apply(module, 0.25, attribute) == {path: (old if old is None else pytest.approx(old), 0.25)}
    assert read(module) == 0.25


REFUSED = {
    "learnin_rate": r"where Configured keeps its rate, got 'learnin_rate'; is 'learning_rate' meant\?",
    "optim.rl": r"got 'optim.rl'; is 'hparams.optim.lr' or .* meant\?",
    "nonsense": r"got 'nonsense'; it has config.optim.lr, config.frozen.lr, table.a-b, learning_rate, hparams.optim.lr",
    "config": "a rate that can be set, got 'config': it is of type Config, and no number",
    "training": "got 'training': it is of type bool, and no number",
    "lr": "got 'lr': AttributeError: property 'lr' of 'Configured' object has no setter",
    "config.frozen.lr": "got 'config.frozen.lr': FrozenInstanceError: cannot assign to field 'lr'",
    "a-b": "attribute must be a name such as 'lr' or .* got 'a-b'",
    "": "attribute must be a name such as 'lr' or .* got ''",
}


@pytest.mark.parametrize("attribute", REFUSED)
def test_an_attribute_that_is_not_there_or_holds_no_rate_is_answered_with_the_one_meant(attribute):
    module = configured()
    with pytest.raises(ValueError, match=REFUSED[attribute]):
        apply(module, 0.25, attribute)
    assert module.config.optim.lr == 0.1


def test_the_usual_attributes_are_all_set_and_those_that_no_one_can_set_are_left_alone():
    module = configured()
    module.hparams.lr = 0.1  # beside the property that can't be set
    assert apply(module, 0.25) == {"hparams.lr": (0.1, 0.25), "learning_rate": (None, 0.25)}


def test_a_module_without_a_rate_is_refused():
    module = lightning.pytorch.LightningModule()
    with pytest.raises(ValueError, match="LightningModule must keep its rate in lr or learning_rate, and has neither"):
        apply(module, 0.25)


def decaying(module):
    module.made = torch.optim.SGD(module.parameters(), lr=0.1)
    return [module.made], [torch.optim.lr_scheduler.StepLR(module.made, 1)]


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_a_trainer_gets_the_rate_in_module_optimizers_and_schedulers(package):
    module, trainer = classifier(package, decaying), trainer_of(package, max_epochs=1)
    with pytest.raises(ValueError, match="the trainer must have fitted a module"):
        apply(trainer, 0.25)
    trainer.fit(module, DataLoader(samples(), batch_size=32))
    assert apply(trainer, 0.25) == {"lr": (1e-3, 0.25), "optimizers[0].param_groups[0]": (0.1, 0.25)}
    assert module.lr == 0.25
    assert trainer.lr_scheduler_configs[0].scheduler.get_last_lr() == [pytest.approx(0.025)]
    assert module.made.param_groups[0]["lr"] == pytest.approx(0.025)


def test_a_compiled_module_is_set_itself():
    module = classifier()
    apply(torch.compile(module), 0.25)
    assert module.lr == 0.25
