"""Lightning, under both of its names: `lr_find(trainer, module, ...)` and the callback."""

import signal
import subprocess
import sys

import lightning.pytorch
import numpy as np
import pytest
import pytorch_lightning
import torch
from lightning.pytorch.plugins import MixedPrecision
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import lr_finder.integrations.lightning
import lr_finder.integrations.pytorch_lightning
from lr_finder import NoSuggestionError, StopReason, lr_find
from quadratic import known_losses

PACKAGES = {"lightning": lightning.pytorch, "pytorch_lightning": pytorch_lightning}
CALLBACKS = {
    lightning.pytorch: lr_finder.integrations.lightning.LRFinderCallback,
    pytorch_lightning: lr_finder.integrations.pytorch_lightning.LRFinderCallback,
}
BOUNDS = {"start_lr": 1e-4, "end_lr": 0.1, "num_it": 20}

# Lightning tells of few workers, of short epochs and of modules in eval mode, and uses what torch 2.13 deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore::lightning_fabric.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Total length of .* across ranks is zero:UserWarning"),
]


def samples(count=64):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(count, 4, generator=generator)
    return TensorDataset(inputs, (inputs.sum(1) > 0).long() + (inputs[:, 0] > 1).long())


def batches(**keywords):
    return DataLoader(samples(), batch_size=8, **{"shuffle": True, **keywords})


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))


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


def one_cycle(module):
    optimizer = torch.optim.SGD(module.parameters(), lr=module.lr, momentum=0.9)
    steps = module.trainer.estimated_stepping_batches
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def two_groups(module):
    return torch.optim.SGD(
        [{"params": module.model[0].parameters(), "lr": 1e-4}, {"params": module.model[4].parameters(), "lr": 1e-2}]
    )


SETTINGS = {
    "plain": {},
    "accumulation": {"accumulate_grad_batches": 3},
    "clipping": {"gradient_clip_val": 0.1, "gradient_clip_algorithm": "norm"},
    "bf16-mixed": {"precision": "bf16-mixed"},
    "bf16-true": {"precision": "bf16-true"},
    "64-true": {"precision": "64-true"},
    "limited": {"limit_train_batches": 3},
    "overfitting": {"overfit_batches": 2},
}


def final_weights(search, settings, optimizers=None, warm=False, package=lightning.pytorch):
    """The weights after a training, and what it counted."""
    module, trainer = classifier(package, optimizers), trainer_of(package, **settings)
    loader = batches(shuffle="overfit_batches" not in settings)
    torch.manual_seed(2)
    if warm:
        trainer.fit(module, loader)
        trainer.fit_loop.max_epochs = 4
    if search:
        search(trainer, module, loader)
    trainer.fit(module, loader)
    assert trainer.global_step > 0
    return [*module.state_dict().values(), torch.tensor([trainer.global_step, trainer.current_epoch, module.seen])]


def assert_same(these, those):
    assert len(these) == len(those)
    assert all(torch.equal(a, b) for a, b in zip(these, those, strict=True))


def usual(trainer, module, loader):
    lr_find(trainer, module, loader, num_it=40)


def failing(error):
    def search(trainer, module, loader):
        original, module.training_step = module.training_step, None

        def fail_at_the_fifth(batch, batch_idx):
            if module.seen % 16 == 4:
                raise error
            return original(batch, batch_idx)

        module.training_step = fail_at_the_fifth
        with pytest.raises(type(error)) as caught:
            lr_find(trainer, module, train_dataloaders=loader, **BOUNDS)
        assert caught.value is error
        assert len(error.partial_result.losses) == 4
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        del module.training_step

    return search


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_training_after_a_search_is_bit_identical_to_training_without(settings):
    assert_same(final_weights(usual, settings), final_weights(None, settings))


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_training_with_a_schedule_is_bit_identical_too(package, warm):
    alone = final_weights(None, {}, one_cycle, warm, package)
    assert_same(final_weights(usual, {}, one_cycle, warm, package), alone)


@pytest.mark.parametrize("error", [ArithmeticError("in a step"), KeyboardInterrupt()], ids=["raises", "Ctrl-C"])
@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_the_trainer_trains_as_before_after_a_step_that(package, error):
    assert_same(final_weights(failing(error), {}, package=package), final_weights(None, {}, package=package))


def test_ctrl_c_before_the_first_step_leaves_ctrl_c_working():
    def interrupted(module):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lr_find(trainer_of(), classifier(optimizers=interrupted), batches(), **BOUNDS)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_curve_is_that_of_plain_pytorch():
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    torch.manual_seed(3)
    plain = lr_find(model, optimizer, nn.functional.cross_entropy, batches(), num_it=40)
    module = classifier()
    torch.manual_seed(3)
    result = lr_find(trainer_of(), module, train_dataloaders=batches(), num_it=40)
    np.testing.assert_allclose(result.lrs, plain.lrs, rtol=1e-12)
    np.testing.assert_allclose(result.losses, plain.losses, rtol=1e-5)


def test_accumulated_batches_are_one_point_with_their_mean_loss():
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loss_fn = nn.functional.cross_entropy
    torch.manual_seed(3)
    plain = lr_find(model, optimizer, loss_fn, batches(shuffle=False), accumulation_steps=4, **BOUNDS)
    module = classifier()
    torch.manual_seed(3)
    result = lr_find(trainer_of(accumulate_grad_batches=4), module, batches(shuffle=False), **BOUNDS)
    assert len(result.losses) == 20
    np.testing.assert_allclose(result.losses, plain.losses, rtol=1e-5)


def test_max_epochs_max_steps_and_max_time_are_not_in_the_way():
    trainer = trainer_of(max_epochs=1, max_steps=3, max_time={"seconds": 0})
    assert len(lr_find(trainer, classifier(), batches(), **BOUNDS).losses) == 20
    assert (trainer.max_epochs, trainer.max_steps) == (1, 3)


def test_the_groups_keep_their_ratio_and_take_the_weight_decay():
    used = []

    def optimizers(module):
        optimizer = two_groups(module)
        optimizer.register_step_post_hook(
            lambda *_: used.append([(group["lr"], group["weight_decay"]) for group in optimizer.param_groups])
        )
        return optimizer

    result = lr_find(trainer_of(), classifier(optimizers=optimizers), batches(), wd=0.3, **BOUNDS)
    np.testing.assert_array_equal([[lr for lr, _ in groups] for groups in used], result.group_lrs)
    np.testing.assert_allclose(result.group_lrs[:, 0] * 100, result.lrs)
    assert {wd for groups in used for _, wd in groups} == {0.3}


def test_a_warm_up_that_starts_at_0_changes_neither_rates_nor_ratios():
    def optimizers(module):
        optimizer = two_groups(module)
        warm_up = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(step / 10, 1))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": warm_up, "interval": "step"}}

    result = lr_find(trainer_of(), classifier(optimizers=optimizers), batches(), **BOUNDS)
    np.testing.assert_allclose(result.group_lrs[:, 0] * 100, result.lrs)
    assert result.curve.notes == ()


def test_manual_optimization_with_two_optimizers_is_one_point_per_batch():
    class Manual(lightning.pytorch.LightningModule):
        def __init__(self):
            super().__init__()
            self.automatic_optimization = False
            self.weights = nn.ParameterList([nn.Parameter(torch.tensor(3.0, dtype=torch.float64)) for _ in "ab"])

        def training_step(self, batch, batch_idx):
            total = 0
            for weight, optimizer in zip(self.weights, self.optimizers(), strict=True):
                loss = 2 * weight**2
                optimizer.zero_grad()
                self.manual_backward(loss)
                optimizer.step()
                total = total + loss.detach()
            for scheduler in self.lr_schedulers():
                scheduler.step()
            return {"loss": total}

        def configure_optimizers(self):
            optimizers = [torch.optim.SGD([weight], lr=0.01) for weight in self.weights]
            return optimizers, [torch.optim.lr_scheduler.StepLR(optimizer, 1) for optimizer in optimizers]

    result = lr_find(trainer_of(), Manual(), batches(), **BOUNDS)
    np.testing.assert_allclose(result.losses, 2 * known_losses(result.lrs), rtol=1e-6)
    assert result.group_lrs.shape == (20, 2)
    assert "Something other than the search set the learning rate" in result.explain()


def test_manual_optimization_must_return_its_loss():
    class Silent(lightning.pytorch.LightningModule):
        def __init__(self):
            super().__init__()
            self.automatic_optimization, self.model = False, network()

        def training_step(self, batch, batch_idx):
            self.optimizers().step()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.01)

    with pytest.raises(TypeError, match=r"training_step\(\) must return its loss, also with manual optimization"):
        lr_find(trainer_of(), Silent(), batches(), **BOUNDS)


def test_the_loss_of_a_closure_optimizer_is_the_one_before_its_step():
    def optimizers(module):
        return torch.optim.LBFGS(module.parameters(), max_iter=3)

    module = classifier(optimizers=optimizers)
    module.model = nn.Linear(4, 3)
    data = samples()
    with torch.no_grad():
        first = nn.functional.cross_entropy(module.model(data.tensors[0][:8]), data.tensors[1][:8]).item()
    result = lr_find(trainer_of(), module, batches(shuffle=False), start_lr=1e-3, end_lr=0.1, num_it=10)
    assert result.losses[0] == first


def test_a_step_that_the_scaler_skips_is_no_point():
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=1000)  # overflows until it has backed off
    trainer = trainer_of(plugins=[MixedPrecision("16-mixed", "cpu", scaler)])
    module = classifier(optimizers=lambda module: torch.optim.SGD(module.parameters(), lr=0.01))
    result = lr_find(trainer, module, batches(), **BOUNDS)
    assert len(result.lrs) == 20
    assert result.lrs[0] == 1e-4
    assert np.all(np.isfinite(result.losses))
    assert scaler.get_scale() == 2.0**127


def test_a_loss_that_is_not_finite_ends_the_sweep_although_the_scaler_skips_its_step():
    trainer = trainer_of(plugins=[MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=1.0))])
    module = classifier(optimizers=lambda module: torch.optim.SGD(module.parameters(), lr=0.01))
    train = module.training_step
    module.training_step = lambda batch, batch_idx: (
        train(batch, batch_idx) * (1.0 if module.seen <= 5 else float("nan"))
    )
    result = lr_find(trainer, module, batches(), **BOUNDS)
    assert result.stop_reason is StopReason.NOT_FINITE
    assert len(result.losses) == 6


def test_nothing_of_the_users_fires_and_no_file_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    package = lightning.pytorch
    fired = []

    class Noting(package.Callback):
        def __getattribute__(self, name):
            if name.startswith("on_") or name in ("setup", "teardown"):
                fired.append(name)
            return super().__getattribute__(name)

    module = classifier()
    module.configure_callbacks = lambda: [Noting()]
    for hook in ("on_train_end", "on_fit_end", "on_validation_start", "on_save_checkpoint"):
        setattr(module, hook, lambda hook=hook: fired.append(hook))
    logger = package.loggers.CSVLogger(tmp_path / "logs")
    stopping = package.callbacks.EarlyStopping("loss", patience=0)
    trainer = package.Trainer(
        accelerator="cpu", max_epochs=3, logger=logger, callbacks=[Noting(), stopping], profiler="simple",
        default_root_dir=tmp_path, log_every_n_steps=1, val_check_interval=2, enable_progress_bar=False,
    )  # fmt: skip
    fired.clear()
    lr_find(trainer, module, batches(), num_it=40)
    assert fired == []
    assert list(tmp_path.iterdir()) == []
    assert stopping.wait_count == 0
    assert trainer.callback_metrics == {}
    assert trainer.global_step == trainer.current_epoch == 0
    assert module.configure_callbacks()


def test_what_a_module_writes_to_its_logger_is_dropped(tmp_path):
    logger = lightning.pytorch.loggers.CSVLogger(tmp_path)
    module = classifier()
    module.on_train_start = lambda: module.logger.experiment.add_text("hello", "there")
    lr_find(trainer_of(logger=logger), module, batches(), **BOUNDS)
    assert list(tmp_path.iterdir()) == []


class Data(lightning.pytorch.LightningDataModule):
    def setup(self, stage):
        self.data, self.generator = samples(), torch.Generator().manual_seed(4)

    def train_dataloader(self):
        return DataLoader(self.data, batch_size=8, shuffle=True, generator=self.generator)


@pytest.mark.parametrize("give", [lambda data: {"datamodule": data}, lambda data: {"train_dataloaders": data}])
def test_a_data_module_is_taken_and_left_as_it_was(give):
    data, module = Data(), classifier()
    result = lr_find(trainer_of(), module, **give(data), **BOUNDS)
    np.testing.assert_array_equal(lr_find(trainer_of(), module, **give(data), **BOUNDS).losses, result.losses)
    assert not hasattr(data, "data")
    assert data.trainer is None


def test_a_module_may_bring_its_own_data():
    module = classifier()
    module.train_dataloader = batches
    assert len(lr_find(trainer_of(), module, **BOUNDS).losses) == 20


class Stream(IterableDataset):
    """Samples without a length."""

    def __iter__(self):
        yield from samples(24)


class Once(IterableDataset):
    """Samples that come once only."""

    def __init__(self):
        self.samples = iter(samples())

    def __iter__(self):
        return self.samples


def test_a_stream_will_do_and_one_that_ends_ends_the_sweep():
    assert len(lr_find(trainer_of(), classifier(), DataLoader(Stream(), batch_size=8), **BOUNDS).losses) == 20
    ended = lr_find(trainer_of(), classifier(), DataLoader(Once(), batch_size=8), **BOUNDS)
    assert len(ended.losses) == 8
    assert ended.stop_reason is StopReason.DATA_ENDED


BAD_CALLS = {
    "module": (
        lambda: (trainer_of(), nn.Linear(1, 1)),
        TypeError,
        "lightning_module must be a LightningModule of ligh",
    ),
    "package": (lambda: (trainer_of(), classifier(pytorch_lightning)), TypeError, "LightningModule of lightning.pyto"),
    "empty": (lambda: (trainer_of(), classifier(), []), ValueError, "train_dataloaders must yield at least one batch"),
    "nothing": (lambda: (trainer_of(limit_train_batches=0), classifier(), batches()), ValueError, "at least one batch"),
    "processes": (
        lambda: (trainer_of(strategy="ddp_spawn", devices=2), classifier(), batches()),
        ValueError,
        "must not start processes of its own, .* got DDPStrategy; use strategy='ddp'",
    ),
}


@pytest.mark.parametrize(("arguments", "error", "message"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_bad_input_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        lr_find(*arguments(), **BOUNDS)


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


def test_the_callback_names_the_attribute_where_a_schedule_would_undo_the_rate():
    callback = CALLBACKS[lightning.pytorch]()
    with pytest.raises(ValueError, match=r"attribute must name the attribute of WithHyperparameters .*, got None"):
        trainer_of(callbacks=[callback]).fit(WithHyperparameters(), clear())


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
    resumed = trainer_of(callbacks=[CALLBACKS[lightning.pytorch]()])
    resumed.fit(module, clear(), ckpt_path=tmp_path / "last.ckpt")
    assert resumed.optimizers[0].param_groups[0]["lr"] == 1e-3


TWO_PROCESSES = """
import sys, torch, lightning
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from lr_finder import lr_find

class Classifier(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.model = nn.Linear(4, 2)

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=0.01)

inputs = torch.randn(256, 4, generator=torch.Generator().manual_seed(1))
data = TensorDataset(inputs, (inputs.sum(1) > 0).long())
trained = []
for searched in (True, False):
    torch.manual_seed(2)
    module, loader = Classifier(), DataLoader(data, batch_size=16, shuffle=True)
    trainer = lightning.Trainer(accelerator="cpu", devices=2, strategy="ddp", max_epochs=1, logger=False,
                                enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
    if searched:
        result = lr_find(trainer, module, loader, start_lr=1e-3, end_lr=10, num_it=40)
    trainer.fit(module, loader)
    trained.append(module.model.weight.detach().clone())
torch.save((trained, result.losses), f"{sys.argv[1]}/rank{trainer.global_rank}.pt")
"""


def test_two_processes_see_one_curve_and_train_on_as_without_a_search(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(TWO_PROCESSES)
    subprocess.run([sys.executable, script, tmp_path], check=True, capture_output=True, cwd=tmp_path)
    (searched, alone), losses = torch.load(tmp_path / "rank0.pt", weights_only=False)
    _, losses_of_the_other = torch.load(tmp_path / "rank1.pt", weights_only=False)
    assert torch.equal(searched, alone)
    np.testing.assert_array_equal(losses, losses_of_the_other)
