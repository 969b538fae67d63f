"""The suggestion is for the training that the trainer and the module are set to."""

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR, StepLR

from integrations.lightning.classifier import LIGHTNINGS_WARNINGS, PACKAGES, batches, classifier, trainer_of
from integrations.torch.classifier import BOUNDS
from lr_finder import lr_find
from lr_finder.curve.horizon import Horizon

pytestmark = LIGHTNINGS_WARNINGS


def with_scheduler(make):
    def optimizers(module):
        optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
        return {"optimizer": optimizer, "lr_scheduler": make(optimizer, module)}

    return optimizers


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda optimizer, module: CosineAnnealingLR(optimizer, T_max=2), "cosine"),
        (lambda optimizer, module: OneCycleLR(optimizer, 0.1, module.trainer.estimated_stepping_batches), "one_cycle"),
        (lambda optimizer, module: StepLR(optimizer, 1), "constant"),
    ],
)
@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_length_and_schedule_are_those_of_the_fit(package, make, kind):
    loader = batches()
    module = classifier(package, with_scheduler(make))
    result = lr_find(trainer_of(package, max_epochs=3), module, loader, **BOUNDS)
    assert result.horizon == Horizon(kind, 3 * len(loader))


@pytest.mark.parametrize(
    ("settings", "options", "horizon"),
    [
        ({"max_steps": 500, "max_epochs": -1}, {}, Horizon("constant", 500)),
        ({"max_epochs": -1}, {}, Horizon()),
        ({"max_epochs": 2}, {"schedule": "cosine", "total_steps": 900}, Horizon("cosine", 900)),
    ],
)
def test_steps_are_those_of_the_trainer_where_there_are_any_and_what_is_given_comes_first(settings, options, horizon):
    assert lr_find(trainer_of(**settings), classifier(), batches(), **BOUNDS, **options).horizon == horizon
