"""Parameter groups, warm-ups, and manual optimization."""

import lightning.pytorch
import numpy as np
import pytest
import torch
from torch import nn

from integrations.lightning.classifier import LIGHTNINGS_WARNINGS, batches, classifier, trainer_of, two_groups
from integrations.torch.classifier import BOUNDS
from integrations.torch.classifier import classifier as network
from lr_finder import lr_find
from lr_finder.integrations.lightning import LRFinderCallback
from quadratic import known_losses

pytestmark = LIGHTNINGS_WARNINGS


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


def test_manual_optimization_is_searched_by_group_where_that_is_asked_for():
    class Manual(lightning.pytorch.LightningModule):
        def __init__(self):
            super().__init__()
            self.automatic_optimization = False
            self.weights = nn.ParameterList(nn.Parameter(torch.tensor(3 / c**0.5)) for c in (4, 4000))

        def training_step(self, batch, batch_idx):
            loss = 2 * self.weights[0] ** 2 + 2000 * self.weights[1] ** 2
            self.manual_backward(loss)
            for optimizer in self.optimizers():
                optimizer.step()
                optimizer.zero_grad()
            return loss

        def configure_optimizers(self):
            return [torch.optim.SGD([weight], lr=0.01) for weight in self.weights]

    module = Manual()
    first, second = lr_find(trainer_of(), module, batches(), by_group=True).group_suggestions
    assert 200 < first.lr / second.lr < 5000
    callback = LRFinderCallback(by_group=True)
    trainer = trainer_of(callbacks=[callback], max_epochs=1)
    trainer.fit(module, batches())
    assert [optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers] == [
        suggestion.lr for suggestion in callback.result.group_suggestions
    ]


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
