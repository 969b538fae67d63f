"""A module that `torch.compile` has compiled, as `Trainer.fit` takes it."""

import lightning.pytorch
import numpy as np
import pytest
import torch
from torch import nn

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


def compiles(graph, inputs):
    compiled.append(graph)
    return graph.forward


compiled = []


def silent(package=lightning.pytorch):
    """A module whose training step is all in the graph: Lightning's logging can't be compiled."""
    module = classifier(package)
    module.training_step = lambda batch, batch_idx: nn.functional.cross_entropy(module.model(batch[0]), batch[1])
    return module


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_a_compiled_module_is_searched_as_it_would_be_fitted(package):
    module, other = silent(package), silent(package)
    model = torch.compile(module, backend=compiles)
    before = dict(vars(module))
    torch.manual_seed(3)
    result = lr_find(trainer_of(package), model, batches(), **BOUNDS)
    torch.manual_seed(3)
    plain = lr_find(trainer_of(package), other, batches(), **BOUNDS)
    np.testing.assert_allclose(result.losses, plain.losses, rtol=1e-5)
    assert compiled
    assert vars(module) == before


def test_a_compiled_module_trains_after_a_search_as_without():
    def fitted(search):
        torch.manual_seed(3)
        module, trainer = silent(), trainer_of()
        model = torch.compile(module, backend=compiles)
        if search:
            lr_find(trainer, model, batches(), **BOUNDS)
        trainer.fit(model, batches())
        return list(module.state_dict().values())

    assert_same(fitted(True), fitted(False))


@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel], ids=["compiled", "parallel"])
def test_what_trainer_fit_would_not_take_is_refused(wrap):
    module = nn.Linear(1, 1) if wrap is torch.compile else classifier()
    with pytest.raises(TypeError, match=r"lightning_module must be a LightningModule of lightning.pytorch, got"):
        lr_find(trainer_of(), wrap(module), batches(), **BOUNDS)
