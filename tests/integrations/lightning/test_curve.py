"""The curve is that of plain PyTorch: one point for every step of the optimizer, with the loss before it."""

import numpy as np
import torch
from lightning.pytorch.plugins import MixedPrecision
from torch import nn

from integrations.lightning.classifier import LIGHTNINGS_WARNINGS, batches, classifier, trainer_of
from integrations.torch.classifier import BOUNDS, samples
from integrations.torch.classifier import classifier as network
from lr_finder import StopReason, lr_find

pytestmark = LIGHTNINGS_WARNINGS


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
    assert len(result.losses) == 8
