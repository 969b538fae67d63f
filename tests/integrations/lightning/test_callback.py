"""The callback that searches before a fit and trains with what it found."""

import lightning.pytorch
import numpy as np
import pytest
import pytorch_lightning
import torch
from torch import nn
from torch.utils.data import DataLoader

import lr_finder.integrations.lightning
import lr_finder.integrations.pytorch_lightning
from integrations.lightning.classifier import (
    LIGHTNINGS_WARNINGS,
    PACKAGES,
    assert_same,
    classifier,
    trainer_of,
    two_groups,
)
from integrations.torch.classifier import classifier as network
from integrations.torch.classifier import samples
from lr_finder import NoSuggestionError, lr_find

pytestmark = LIGHTNINGS_WARNINGS

CALLBACKS = {
    lightning.pytorch: lr_finder.integrations.lightning.LRFinderCallback,
    pytorch_lightning: lr_finder.integrations.pytorch_lightning.LRFinderCallback,
}


def clear():
    """Batches large enough for a loss that falls clearly."""
    return DataLoader(samples(512), batch_size=64, shuffle=True)


def cycle_over_lr(module):
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=module.lr, total_steps=100)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_the_callback_searches_before_the_fit_and_schedules_are_built_on_its_rate(package):
    callback = CALLBACKS[package]()
    module, untrained = classifier(package, cycle_over_lr), classifier(package, cycle_over_lr)
    trainer = trainer_of(package, callbacks=[callback])
    torch.manual_seed(5)
    trainer.fit(module, clear())
    assert trainer.global_step == 16
    torch.manual_seed(5)
    found = lr_find(trainer_of(package), untrained, clear())
    np.testing.assert_array_equal(callback.result.losses, found.losses)
    assert module.lr == found.suggestion.lr
    assert trainer.optimizers[0].param_groups[0]["max_lr"] == found.suggestion.lr


class WithHyperparameters(lightning.pytorch.LightningModule):
    def __init__(self, rate=1e-3):
        super().__init__()
        self.save_hyperparameters()
        self.model = network()

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=self.hparams.rate)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]


def test_the_callback_sets_a_rate_that_is_kept_in_the_hyperparameters():
    callback = CALLBACKS[lightning.pytorch](attribute="rate")
    module = WithHyperparameters()
    trainer_of(callbacks=[callback], max_epochs=1).fit(module, clear())
    assert module.hparams.rate == callback.result.suggestion.lr
    assert module.trainer.optimizers[0].param_groups[0]["initial_lr"] == module.hparams.rate


def test_a_rate_that_is_found_nowhere_in_the_module_is_set_in_optimizers_and_schedulers():
    callback = CALLBACKS[lightning.pytorch]()
    module = WithHyperparameters()
    trainer_of(callbacks=[callback]).fit(module, clear())
    lr = callback.result.suggestion.lr
    assert module.trainer.lr_scheduler_configs[0].scheduler.base_lrs == [lr]
    assert module.trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(lr / 100)  # after two epochs


def test_the_callback_sets_the_rate_in_optimizers_that_take_it_from_nowhere():
    callback = CALLBACKS[lightning.pytorch]()
    module = classifier(optimizers=two_groups)
    trainer_of(callbacks=[callback]).fit(module, clear())
    lrs = [group["lr"] for group in module.trainer.optimizers[0].param_groups]
    np.testing.assert_allclose(lrs, callback.result.suggestion.lr * np.array([0.01, 1]))


def test_training_with_the_callback_is_training_with_the_rate():
    callback = CALLBACKS[lightning.pytorch]()
    torch.manual_seed(5)
    module = classifier()
    trainer_of(callbacks=[callback]).fit(module, clear())
    torch.manual_seed(5)
    alone = classifier()
    alone.lr = callback.result.suggestion.lr
    trainer_of().fit(alone, clear())
    assert_same(list(module.state_dict().values()), list(alone.state_dict().values()))


def test_the_callback_does_not_train_with_a_rate_that_the_curve_does_not_tell():
    callback = CALLBACKS[lightning.pytorch]()
    module = classifier()
    module.training_step = lambda batch, batch_idx: 0 * module.model(batch[0]).sum() + 1
    trainer = trainer_of(callbacks=[callback])
    with pytest.raises(NoSuggestionError):
        trainer.fit(module, clear())
    assert trainer.global_step == 0


def test_a_resumed_fit_goes_on_with_the_rate_of_its_checkpoint(tmp_path):
    module = classifier()
    trainer = trainer_of(max_epochs=1)
    trainer.fit(module, clear())
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    callback = CALLBACKS[lightning.pytorch]()
    resumed = trainer_of(callbacks=[callback])
    resumed.fit(module, clear(), ckpt_path=tmp_path / "last.ckpt")
    assert resumed.optimizers[0].param_groups[0]["lr"] == module.lr == 1e-3
    assert callback.result is None


class Opening(lightning.pytorch.LightningDataModule):
    """Holds what its teardown takes away."""

    def __init__(self):
        super().__init__()
        self.opened = None

    def setup(self, stage):
        self.opened = self.opened or clear()

    def train_dataloader(self):
        return self.opened

    def teardown(self, stage):
        self.opened = None


def test_the_data_module_of_the_fit_stays_set_up():
    data, seen = Opening(), []
    callback = CALLBACKS[lightning.pytorch](num_it=60)
    check = lightning.pytorch.callbacks.LambdaCallback(on_train_start=lambda *_: seen.append(data.opened))
    trainer_of(callbacks=[callback, check]).fit(classifier(), datamodule=data)
    assert seen != [None]
    assert data.opened is None
    assert "teardown" not in vars(data)


def test_a_wrong_attribute_fails_before_any_step():
    module = classifier()
    with pytest.raises(ValueError, match=r"where Classifier keeps its rate, got 'lr_'; is 'lr' meant\?"):
        trainer_of(callbacks=[CALLBACKS[lightning.pytorch]("lr_")]).fit(module, clear())
    assert module.seen == 0


BAD_ARGUMENTS = {
    "path": (("learning-rate",), {}, ValueError, "attribute must be a name such as 'lr'"),
    "kind": ((1e-3,), {}, TypeError, r"attribute must be the name of an attribute, got 0.001"),
    "option": ((), {"num_iter": 100}, TypeError, r"no argument 'num_iter' here; that is num_it"),
}


@pytest.mark.parametrize(("arguments", "keywords", "error", "message"), BAD_ARGUMENTS.values(), ids=BAD_ARGUMENTS)
def test_arguments_that_no_module_could_take_are_refused_at_once(arguments, keywords, error, message):
    with pytest.raises(error, match=message):
        CALLBACKS[lightning.pytorch](*arguments, **keywords)


def test_one_line_says_which_rate_was_set_and_where(caplog):
    callback = CALLBACKS[lightning.pytorch](num_it=60)
    trainer_of(callbacks=[callback]).fit(classifier(), clear())
    lines = [line for line in caplog.messages if "LRFinderCallback" in line]
    assert lines == [f"LRFinderCallback set the learning rate to {callback.result.suggestion}, in lr (was 0.001)"]


class Adversaries(lightning.pytorch.LightningModule):
    """Two optimizers at different rates, stepped by hand, each with a schedule."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.nets = nn.ModuleList([network(), network()])

    def training_step(self, batch, batch_idx):
        losses = [nn.functional.cross_entropy(net(batch[0]), batch[1]) for net in self.nets]
        for loss, optimizer, scheduler in zip(losses, self.optimizers(), self.lr_schedulers(), strict=True):
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
            scheduler.step()
        return sum(losses)

    def configure_optimizers(self):
        optimizers = [
            torch.optim.AdamW(net.parameters(), lr=lr) for net, lr in zip(self.nets, (1e-4, 4e-4), strict=True)
        ]
        return optimizers, [torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0) for optimizer in optimizers]


def test_several_optimizers_keep_their_ratio():
    callback = CALLBACKS[lightning.pytorch](num_it=60)
    module = Adversaries()
    trainer_of(callbacks=[callback]).fit(module, clear())
    lrs = [optimizer.param_groups[0]["lr"] for optimizer in module.trainer.optimizers]
    np.testing.assert_allclose(lrs, callback.result.suggestion.lr * np.array([0.25, 1]))


def test_a_rate_that_the_module_multiplies_is_set_so_that_the_largest_group_has_it():
    def faster_head(module):
        body, head = module.model[0].parameters(), module.model[4].parameters()
        return torch.optim.SGD([{"params": body, "lr": module.lr}, {"params": head, "lr": 10 * module.lr}])

    callback = CALLBACKS[lightning.pytorch](num_it=60)
    module = classifier(optimizers=faster_head)
    trainer_of(callbacks=[callback]).fit(module, clear())
    lrs = [group["lr"] for group in module.trainer.optimizers[0].param_groups]
    np.testing.assert_allclose(lrs, callback.result.suggestion.lr * np.array([0.1, 1]))


def test_a_second_fit_searches_again_from_the_weights_of_the_first():
    callback = CALLBACKS[lightning.pytorch](num_it=60)
    module, trainer = classifier(), trainer_of(callbacks=[callback], max_epochs=1)
    trainer.fit(module, clear())
    first = callback.result
    trainer.fit_loop.max_epochs = 2
    trainer.fit(module, clear())
    assert callback.result is not first
    assert module.lr == callback.result.suggestion.lr
    assert trainer.current_epoch == 2
