"""What can't work is refused by name."""

import pytest
import pytorch_lightning
from torch import nn

from integrations.lightning.classifier import LIGHTNINGS_WARNINGS, batches, classifier, trainer_of
from integrations.torch.classifier import BOUNDS
from lr_finder import lr_find

pytestmark = LIGHTNINGS_WARNINGS

BAD_CALLS = {
    "module": (
        lambda: (trainer_of(), nn.Linear(1, 1)),
        TypeError,
        "lightning_module must be a LightningModule of ligh",
    ),
    "package": (lambda: (trainer_of(), classifier(pytorch_lightning)), TypeError, "LightningModule of lightning.pyto"),
    "empty": (lambda: (trainer_of(), classifier(), []), ValueError, "train_dataloaders must yield at least one batch"),
    "nothing": (lambda: (trainer_of(limit_train_batches=0), classifier(), batches()), ValueError, "at least one batch"),
    "optimizer": (
        lambda: (trainer_of(), classifier(optimizers=lambda module: None), batches()),
        ValueError,
        r"configure_optimizers\(\) of Classifier must return an optimizer, got None",
    ),
    "processes": (
        lambda: (trainer_of(strategy="ddp_spawn", devices=2), classifier(), batches()),
        ValueError,
        "must not start processes of its own, .* got DDPStrategy; use strategy='ddp'",
    ),
}


@pytest.mark.filterwarnings("ignore:.*configure_optimizers. returned .None.:UserWarning")
@pytest.mark.parametrize(("arguments", "error", "message"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_bad_input_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        lr_find(*arguments(), **BOUNDS)
