"""Training after a search is training as if it had never run, and nothing of the user's fires."""

import signal

import lightning.pytorch
import pytest
import torch

from integrations.lightning.classifier import (
    LIGHTNINGS_WARNINGS,
    PACKAGES,
    assert_same,
    batches,
    classifier,
    trainer_of,
)
from integrations.torch.classifier import BOUNDS
from lr_finder import lr_find

pytestmark = LIGHTNINGS_WARNINGS


def one_cycle(module):
    optimizer = torch.optim.SGD(module.parameters(), lr=module.lr, momentum=0.9)
    steps = module.trainer.estimated_stepping_batches
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


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


def test_max_epochs_max_steps_and_max_time_are_not_in_the_way():
    trainer = trainer_of(max_epochs=1, max_steps=3, max_time={"seconds": 0})
    assert len(lr_find(trainer, classifier(), batches(), **BOUNDS).losses) == 20
    assert (trainer.max_epochs, trainer.max_steps) == (1, 3)


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
