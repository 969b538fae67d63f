"""Autocast and gradient scalers."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from integrations.torch.classifier import BOUNDS, classifier, samples
from lr_finder import RangeTest, StopReason, lr_find
from quadratic import training


@pytest.mark.parametrize("autocast", [True, torch.bfloat16, torch.autocast("cpu")], ids=["True", "dtype", "context"])
def test_autocast_reaches_the_forward_pass(autocast):
    model = classifier()
    seen = []
    model[0].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    lr_find(model, optimizer, nn.CrossEntropyLoss(), DataLoader(samples(), 8), autocast=autocast, **BOUNDS)
    assert set(seen) == {torch.bfloat16}


def test_a_step_that_the_scaler_skips_is_no_point():
    model, optimizer, _, batches = training()
    model.float()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=1000)  # overflows until it has backed off
    result = lr_find(model, optimizer, lambda out, target: out.float().mean(), [(x.float(), y) for x, y in batches],
                     scaler=scaler, **BOUNDS)  # fmt: skip
    assert len(result.lrs) == 20
    assert result.lrs[0] == 1e-4
    assert np.all(np.diff(result.losses) < 0)
    assert scaler.get_scale() == 2.0**127


def test_a_scaler_that_skips_every_step_is_told():
    model, optimizer, _, batches = training()
    with pytest.raises(
        RuntimeError, match=r"no optimizer step was taken in 1000 batches: .* a gradient scaler skipped"
    ):
        lr_find(model, optimizer, lambda out, target: (0 * out.mean()).sqrt(), batches,  # its gradient is not finite
                scaler=torch.amp.GradScaler("cpu"), **BOUNDS)  # fmt: skip


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_the_sweep_although_the_scaler_skips_its_step(factor):
    model, optimizer, _, batches = training()
    factors = iter([1.0] * 5 + [factor] * 9)
    result = lr_find(model, optimizer, lambda out, target: out.mean() * next(factors), batches,
                     scaler=torch.amp.GradScaler("cpu"), **BOUNDS)  # fmt: skip
    assert result.stop_reason is StopReason.NOT_FINITE
    assert len(result.losses) == 8


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_losses_that_wait_are_averaged_as_exactly_as_those_that_do_not(dtype):
    def recorded(read_every):
        test = RangeTest(1e-5, 10, 3, read_every=read_every)
        for step in range(3):
            for batch in range(64):
                test.add_batch(torch.tensor(5000 - 37 * step + batch, dtype=dtype))
            test.end_step()
        return test.curve.losses.tolist()

    assert recorded(8) == recorded(1)


def test_a_step_that_a_scaler_has_a_fused_optimizer_skip_is_none():
    def losses(fused):
        torch.manual_seed(0)
        model = classifier()
        optimizer = torch.optim.AdamW(model.parameters(), fused=fused)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127.9, growth_interval=10**6)  # overflows at first
        whole = DataLoader(samples(), len(samples()))

        def loss_fn(output, target):
            return 50 * nn.functional.cross_entropy(output, target)

        bounds = {"start_lr": 1e-2, "end_lr": 1e-1, "num_it": 20}
        return lr_find(model, optimizer, loss_fn, whole, scaler=scaler, **bounds).losses

    np.testing.assert_allclose(losses(fused=True), losses(fused=False), rtol=1e-4)
