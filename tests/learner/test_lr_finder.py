"""The sweep of a learner: its rates, when it stops, its hooks, and what it refuses."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import lr_finder
from learner.learners import SGD, classifier, small_learner
from lr_finder import RangeTestResult, StopReason
from lr_finder.learner import Callback, Learner, LRFinder, lr_find


def rates(start, end, steps):
    return start * (end / start) ** (np.arange(steps) / (steps - 1))


def test_the_rate_recorded_is_the_rate_used():
    used = []
    learn = small_learner(opt_func=SGD)
    step = learn.opt.opt.step

    def noting_step(*arguments):
        used.append([group["lr"] for group in learn.opt.opt.param_groups])
        return step(*arguments)

    learn.opt.opt.step = noting_step
    result = learn.lr_find(1e-4, 1.0, 20, stop_div=False)
    np.testing.assert_allclose(used, np.stack([rates(1e-4, 1.0, 20)] * 2, axis=1), rtol=1e-12)
    assert [lr for lr, _ in used] == learn.recorder.lrs == result.lrs.tolist()
    assert (learn.recorder.lrs[0], learn.recorder.lrs[-1]) == (1e-4, 1.0)


def test_the_result_holds_raw_losses_and_the_recorder_their_running_average():
    learn = small_learner()
    result = learn.lr_find(num_it=20, stop_div=False)
    weights = 0.98 ** np.arange(20)[::-1]
    averages = [np.average(result.losses[: n + 1], weights=weights[-n - 1 :]) for n in range(20)]
    np.testing.assert_allclose(learn.recorder.losses, averages, rtol=1e-12)


class Scripted(nn.Module):
    """A loss function that gives chosen values, whatever the model says."""

    def __init__(self, values):
        super().__init__()
        self.values, self.calls = values, 0

    def forward(self, output, target):
        self.calls += 1
        return 0 * output.sum() + self.values[self.calls - 1]


@pytest.mark.parametrize(
    ("losses", "steps", "reason"),
    [
        ([1.0] * 5 + [200.0] * 15, 6, StopReason.DIVERGED),  # the average goes from 1 to about 35
        ([1.0] * 5 + [15.0] * 15, 7, StopReason.DIVERGED),  # about 3.5 and then 5.3
        ([1.0] * 5 + [float("nan")] * 15, 6, StopReason.NOT_FINITE),
        ([1.0] * 5 + [3.9] * 15, 20, StopReason.COMPLETED),
        ([-1.0] * 20, 20, StopReason.COMPLETED),
    ],
)
def test_it_stops_at_four_times_the_best_average(losses, steps, reason):
    learn = small_learner(loss_func=Scripted(losses))
    result = learn.lr_find(num_it=20)
    assert result.stop_reason is reason
    assert len(result.lrs) == len(learn.recorder.lrs) == len(learn.recorder.losses) == steps
    assert learn.recorder.lrs[-1] < learn.opt.lr


def test_without_stop_div_it_makes_every_step_even_when_the_loss_is_nan():
    learn = small_learner(loss_func=Scripted([1.0] * 5 + [float("nan")] * 15))
    result = learn.lr_find(num_it=20, stop_div=False)
    assert len(learn.recorder.lrs) == 20
    assert np.isnan(result.losses).sum() == 15
    assert result.stop_reason is StopReason.COMPLETED
    assert learn.recorder.lrs[-1] < learn.opt.lr


def test_weight_decay_is_that_of_the_sweep_and_the_learners_own_without():
    learn = small_learner(wd=0.03)
    learn.lr_find(num_it=10, wd=0.002)
    assert learn.opt.wd == 0.002
    learn.lr_find(num_it=10)
    assert learn.opt.wd == 0.03


def test_the_learner_is_not_validated_during_the_sweep():
    learn = small_learner()
    learn.lr_find(num_it=10)
    assert learn.recorder.val_losses == [None, None]
    assert learn.recorder.metrics == []


def test_a_finder_among_the_callbacks_of_a_fit_sweeps_and_ends_it():
    learn = small_learner()
    finder = LRFinder(learn, num_it=10, stop_div=False)
    learn.fit(5, 1e-3, callbacks=[finder])
    np.testing.assert_allclose(learn.recorder.lrs, rates(1e-7, 10, 10), rtol=1e-12)
    assert learn.recorder.nb_batches == [6, 4]
    assert learn.lr_finder is finder


def test_a_fit_shorter_than_the_sweep_ends_it():
    learn = small_learner()
    finder = LRFinder(learn, num_it=10)
    learn.fit(1, 1e-3, callbacks=[finder])
    assert len(finder.test.result.lrs) == 6
    assert finder.test.stop_reason is StopReason.DATA_ENDED


def test_a_finder_can_be_used_again():
    learn = small_learner()
    finder = LRFinder(learn, num_it=6)
    for _ in range(2):
        learn.fit(1, 1e-3, callbacks=finder)
        assert finder.test.stop_reason is StopReason.COMPLETED


def test_its_hooks_work_when_called_by_hand(capsys):
    learn = small_learner(opt_func=SGD)
    weight = learn.model[0].weight
    before = weight.detach().clone()
    finder = LRFinder(learn, start_lr=1e-3, end_lr=1.0, num_it=4)
    pbar = SimpleNamespace()

    assert finder.on_train_begin(pbar=pbar) == {"skip_validate": True}
    assert pbar.clean_on_interrupt
    assert learn.opt.lr == 1e-3
    weight.data += 1
    assert finder.on_batch_end(iteration=0, smooth_loss=torch.tensor(2.0)) is None
    assert learn.opt.lr == pytest.approx(1e-2)
    assert finder.on_epoch_end() is None
    stop = {"stop_epoch": True, "stop_training": True}
    assert finder.on_batch_end(iteration=1, smooth_loss=torch.tensor(8.5)) == stop
    assert finder.on_epoch_end() == {"stop_training": True}
    assert finder.on_batch_end(iteration=2, smooth_loss=torch.tensor(1.0)) == stop
    assert not torch.equal(weight, before)
    finder.on_train_end()
    assert torch.equal(weight, before)
    assert capsys.readouterr().out.startswith("LR Finder is complete")
    assert finder.test.result.losses.tolist() == [2.0, 8.5]
    assert finder.test.stop_reason is StopReason.DIVERGED


def two_groups():
    learn = small_learner(opt_func=SGD)
    return learn.split([learn.model[4]])


def test_slices_spread_over_layer_groups():
    learn = two_groups()
    result = learn.lr_find(slice(1e-6, 1e-4), slice(1.0), num_it=10, stop_div=False)
    first, last = rates(1e-6, 0.1, 10), rates(1e-4, 1.0, 10)
    np.testing.assert_allclose(result.group_lrs, np.stack([first, last], axis=1), rtol=1e-12)
    np.testing.assert_allclose(learn.recorder.lrs, last, rtol=1e-12)
    np.testing.assert_array_equal(result.lrs, learn.recorder.lrs)


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_bounds_may_be_one_rate_per_layer_group(kind):
    learn = two_groups()
    result = learn.lr_find(kind([1e-5, 1e-4]), 1.0, num_it=10, stop_div=False)
    np.testing.assert_allclose(result.group_lrs[0], [1e-5, 1e-4])
    np.testing.assert_allclose(result.group_lrs[-1], [1.0, 1.0])


class ForeignWriter(Callback):
    def __init__(self, hook):
        setattr(self, hook, self.write)

    def write(self, **kwargs):
        self.learn.opt.lr = 0.5


@pytest.mark.parametrize(("hook", "is_noted"), [("on_batch_begin", True), ("on_batch_end", False)])
def test_a_callback_that_sets_the_rate_has_no_effect_on_the_sweep(hook, is_noted):
    torch.manual_seed(0)
    plain = small_learner(opt_func=SGD).lr_find(num_it=12, stop_div=False)
    scheduler = ForeignWriter(hook)
    torch.manual_seed(0)
    scheduler.learn = learn = small_learner(opt_func=SGD, callbacks=[scheduler])
    result = learn.lr_find(num_it=12, stop_div=False)
    np.testing.assert_array_equal(result.losses, plain.losses)
    np.testing.assert_allclose(learn.recorder.lrs, rates(1e-7, 10, 12), rtol=1e-12)
    assert bool(result.curve.notes) == is_noted


BAD = {
    "start above end": ({"start_lr": 1.0, "end_lr": 0.1}, "start_lr must be smaller than end_lr, got 1.0 and 0.1"),
    "start at end": ({"start_lr": 1.0, "end_lr": 1.0}, "start_lr must be smaller than end_lr"),
    "one step": ({"num_it": 1}, "num_it must be at least 2, got 1"),
    "no rate": ({"start_lr": 0.0}, "start_lr must be finite and greater than 0, got 0.0"),
    "too many rates": (
        {"start_lr": [1e-5, 1e-4, 1e-3]},
        r"start_lr must have one rate per parameter group \(2\), got 3",
    ),
    "slice without end": ({"end_lr": slice(None)}, "end_lr must be"),
    "negative wd": ({"wd": -1.0}, "wd must be finite and at least 0, got -1.0"),
    "too many wds": ({"wd": [0.1, 0.1, 0.1]}, r"wd must be one number or one per layer group \(2\), got 3"),
}


@pytest.mark.parametrize(("arguments", "text"), BAD.values(), ids=BAD)
def test_a_wrong_argument_is_refused_before_anything_is_touched(arguments, text):
    learn = two_groups()
    learn.fit(1, 0.02)
    recorder, random_state = learn.recorder, torch.get_rng_state()
    with pytest.raises(ValueError, match=text):
        learn.lr_find(**arguments)
    assert learn.opt.lr == 0.02
    assert learn.recorder is recorder
    assert torch.equal(torch.get_rng_state(), random_state)


def test_a_loader_without_batches_is_refused():
    learn = small_learner()
    learn.data.train_dl = []
    with pytest.raises(ValueError, match="train_dl must have at least one batch, got none"):
        learn.lr_find()
    with pytest.raises(ValueError, match="train_dl must have at least one batch, got none"):
        learn.fit(1)


def test_a_loader_without_a_length_is_refused():
    learn = small_learner()
    learn.data.train_dl = iter([])
    with pytest.raises(TypeError, match="train_dl must have a length"):
        learn.lr_find()


class OwnLearner(Learner):
    """A user's subclass."""


@pytest.mark.parametrize("kind", [Learner, OwnLearner])
def test_lr_find_of_the_package_takes_a_learner(kind):
    given = small_learner()
    learn = kind(given.data, given.model, silent=True)
    result = lr_finder.lr_find(learn, start_lr=1e-5, end_lr=1.0, num_it=10, progress=False)
    assert isinstance(result, RangeTestResult)
    assert learn.recorder.lrs == result.lrs.tolist()


def test_the_function_and_the_method_are_the_same():
    first, second = small_learner(), small_learner()
    torch.manual_seed(0)
    by_function = lr_find(first, 1e-5, 1.0, 10, False, 0.1)
    torch.manual_seed(0)
    by_method = second.lr_find(1e-5, 1.0, 10, False, 0.1)
    np.testing.assert_array_equal(by_function.losses, by_method.losses)


def test_a_model_without_trainable_parameters_is_refused():
    model = classifier().requires_grad_(False)
    with pytest.raises(ValueError, match="model must have parameters that require a gradient"):
        small_learner(model=model).lr_find()
