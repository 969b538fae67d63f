"""After a sweep of a learner nothing is left of it, however it ended."""

import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from learner.learners import SGD, Adam, classifier, samples, small_learner
from lr_finder import StopReason
from lr_finder.learner import Callback, LRFinder


class RaisingLoss(nn.Module):
    """A loss function that raises at the n-th call."""

    def __init__(self, error, at=5):
        super().__init__()
        self.error, self.at, self.calls = error, at, 0

    def forward(self, output, target):
        self.calls += 1
        if self.error is not None and self.calls == self.at:
            raise self.error
        return nn.functional.cross_entropy(output, target)


class Raising(Callback):
    """A callback that raises in one hook."""

    def __init__(self, hook, error):
        def raise_error(**kwargs):
            raise error

        setattr(self, hook, raise_error)


def sweep(learn):
    learn.lr_find(num_it=40)


def sweep_in_fit(learn):
    learn.fit(20, 1e-3, callbacks=LRFinder(learn, num_it=40, stop_div=False))


def interrupted_sweep(learn):
    learn.loss_func.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        learn.lr_find(num_it=40)
    learn.loss_func.error = None


def failing_sweep(learn):
    learn.loss_func.error = ArithmeticError()
    with pytest.raises(ArithmeticError):
        learn.lr_find(num_it=40)
    learn.loss_func.error = None


@pytest.mark.parametrize("opt_func", [SGD, Adam], ids=["SGD with momentum", "Adam"])
@pytest.mark.parametrize("warm_epochs", [0, 2], ids=["cold", "warm"])
@pytest.mark.parametrize("search", [sweep, sweep_in_fit, interrupted_sweep, failing_sweep])
def test_training_after_a_sweep_is_bit_identical_to_training_without(opt_func, warm_epochs, search):
    def run(search):
        learn = small_learner(opt_func=opt_func, loss_func=RaisingLoss(None))
        torch.manual_seed(2)
        if warm_epochs:
            learn.fit(warm_epochs, 0.02, wd=0.1)
            learn.loss_func.at += learn.loss_func.calls
        search(learn)
        learn.fit(2, 0.01)
        state = learn.opt.state_dict()
        return learn.recorder.losses, learn.recorder.moms, learn.recorder.val_losses, learn.model.state_dict(), state

    def compare(these, those):
        if isinstance(these, dict):
            assert these.keys() == those.keys()
            these, those = these.values(), those.values()
        if isinstance(these, torch.Tensor):
            assert torch.equal(these, those)
        elif isinstance(these, (list, tuple)) or not isinstance(these, (int, float, str, type(None))):
            for this, that in zip(these, those, strict=True):
                compare(this, that)
        else:
            assert these == those

    compare(run(search), run(lambda learn: None))


def test_a_second_sweep_gives_the_same_curve():
    learn = small_learner()
    first, second = learn.lr_find(num_it=40), learn.lr_find(num_it=40)
    np.testing.assert_array_equal(second.losses, first.losses)


def test_the_groups_of_the_torch_optimizer_are_put_back():
    learn = small_learner()
    learn.create_opt(0.02, 0.1)
    learn.fit(1, 0.02)
    before = [{key: value for key, value in group.items() if key != "params"} for group in learn.opt.opt.param_groups]
    learn.lr_find(num_it=20, wd=0.3)
    after = [{key: value for key, value in group.items() if key != "params"} for group in learn.opt.opt.param_groups]
    assert after == before
    assert {group["lr"] for group in after} == {0.02}


def test_momentum_that_a_scheduler_changed_during_the_sweep_comes_back():
    class Slowing(Callback):
        def on_batch_begin(self, **kwargs):
            learn.opt.mom = learn.opt.mom / 2

    learn = small_learner(opt_func=SGD)
    learn.opt.mom = 0.8
    learn.callbacks.append(Slowing())
    learn.lr_find(num_it=10)
    assert learn.recorder.moms[:2] == [0.8, 0.4]
    assert learn.opt.mom == 0.8


def test_a_learner_that_never_fitted_keeps_the_optimizer_that_the_sweep_made():
    learn = small_learner()
    learn.lr_find(num_it=10)
    opt = learn.opt
    assert opt.opt.state == {}
    learn.fit(1, 1e-3)
    assert learn.opt is opt


def test_random_numbers_flags_and_gradients_come_back():
    learn = small_learner()
    learn.model[1].eval()
    learn.model[0].weight.grad = torch.ones_like(learn.model[0].weight)
    random_states = random.getstate(), torch.get_rng_state()
    learn.lr_find(num_it=20)
    assert [module.training for module in learn.model] == [True, False, True, True, True]
    assert torch.equal(learn.model[0].weight.grad, torch.ones_like(learn.model[0].weight))
    assert learn.model[4].weight.grad is None
    assert random.getstate() == random_states[0]
    assert torch.equal(torch.get_rng_state(), random_states[1])


def test_a_loader_with_a_generator_and_a_loss_with_state_come_back():
    loader = DataLoader(samples(), batch_size=8, shuffle=True, generator=torch.Generator().manual_seed(3))
    loss = RaisingLoss(None)
    learn = small_learner(train_dl=loader, loss_func=loss)
    state = loader.generator.get_state()
    learn.lr_find(num_it=20)
    assert torch.equal(loader.generator.get_state(), state)
    assert loss.calls == 0


def test_a_list_of_batches_and_a_plain_loss_function_will_do():
    learn = small_learner(train_dl=list(DataLoader(samples(), batch_size=8)), loss_func=nn.functional.cross_entropy)
    assert len(learn.lr_find(num_it=20, stop_div=False).lrs) == 20


HOOKS = [name for name in vars(Callback) if name.startswith("on_") and name != "on_train_end"]


@pytest.mark.parametrize("error", [ValueError("from a hook"), KeyboardInterrupt()], ids=["raises", "Ctrl-C"])
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("order", [-20, 20], ids=["before the finder", "after the finder"])
def test_weights_come_back_when_a_hook_of_another_callback(order, hook, error):
    learn = small_learner()
    weights = [parameter.detach().clone() for parameter in learn.model.parameters()]
    broken = Raising(hook, error)
    broken._order = order
    learn.callbacks.append(broken)
    with pytest.raises(type(error)) as raised:
        learn.lr_find(num_it=20)
    assert raised.value is error
    for parameter, before in zip(learn.model.parameters(), weights, strict=True):
        assert torch.equal(parameter, before)
    assert not learn.opt.opt.state
    assert torch.equal(learn.model[1].running_mean, torch.zeros(16))


def test_weights_come_back_when_another_callback_raises_at_the_end():
    learn = small_learner(callbacks=Raising("on_train_end", ValueError("at the end")))
    before = learn.model[0].weight.detach().clone()
    with pytest.raises(ValueError, match="at the end"):
        learn.lr_find(num_it=10)
    assert torch.equal(learn.model[0].weight, before)


def test_an_exception_carries_what_was_measured(capsys):
    learn = small_learner(loss_func=RaisingLoss(ArithmeticError(), at=8))
    with pytest.raises(ArithmeticError) as raised:
        learn.lr_find(num_it=20)
    result = raised.value.partial_result
    assert len(result.lrs) == 7
    assert result.stop_reason is StopReason.INTERRUPTED
    assert capsys.readouterr().out == ""


def test_no_file_is_ever_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opened = []

    def note(path, mode="r", *rest, **options):
        opened.append((path, mode))
        return original(path, mode, *rest, **options)

    original = open
    monkeypatch.setattr("builtins.open", note)
    monkeypatch.setattr(torch, "save", lambda *arguments: pytest.fail("a file was written"))
    learn = small_learner(path=tmp_path)
    learn.lr_find(num_it=20)
    assert list(Path.cwd().iterdir()) == []
    assert not [path for path, mode in opened if set(mode) & set("wax+") and path != os.devnull]


def test_callbacks_that_can_be_reset_are_reset():
    class Counting(Callback):
        batches = 0

        def on_batch_end(self, **kwargs):
            self.batches += 1

        def reset(self):
            self.batches = 0

    counting, learn = Counting(), small_learner()
    learn.callbacks.append(counting)
    learn.fit(1)
    assert counting.batches == 8  # six to train with, two to validate
    learn.lr_find(num_it=10)
    assert counting.batches == 0


def test_a_callback_that_is_part_of_the_training_runs_in_the_sweep():
    class Clipping(Callback):
        def __init__(self, model):
            self.model = model

        def on_backward_end(self, **kwargs):
            nn.utils.clip_grad_value_(self.model.parameters(), 0.0)

    model = classifier()
    model[3].p = 0.0
    batch = next(iter(DataLoader(samples(), batch_size=8)))
    learn = small_learner(model=model, train_dl=[batch], opt_func=SGD, callbacks=[Clipping(model)], wd=0.0)
    result = learn.lr_find(num_it=20, stop_div=False)
    assert set(result.losses) == {result.losses[0]}  # with every gradient clipped to 0 nothing moves
