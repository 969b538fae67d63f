"""fastai 2's Learner: searched by its own `fit`, with the callbacks that are part of a training step."""

import random
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from curves import valley_curve
from lr_finder import RangeTestResult, StopReason, lr_find
from lr_finder.curve.horizon import Horizon
from lr_finder.integrations.fastai import LRFinderCallback
from lr_finder.integrations.fastai_learner.schedules import kind_of
from quadratic import Quadratic, mean_output
from ways.fastai import SGD, Callback, DataLoaders, Learner, warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fastai.callback.core import CancelStepException
    from fastai.callback.mixup import MixUp
    from fastai.callback.progress import CSVLogger
    from fastai.callback.schedule import ParamScheduler, SchedCos, SchedLin
    from fastai.callback.tracker import SaveModelCallback
    from fastai.callback.training import GradientAccumulation, GradientClip
    from fastai.data.load import DataLoader
    from fastai.losses import CrossEntropyLossFlat
    from fastai.optimizer import Adam, OptimWrapper

BOUNDS = {"start_lr": 1e-4, "end_lr": 0.1, "num_it": 20}
INPUTS = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
DATA = TensorDataset(INPUTS, (INPUTS.sum(1) > 0).long() + (INPUTS[:, 0] > 1))


class Keeper(Callback):
    """Keeps the losses of a training."""

    def before_fit(self):
        self.values = []

    def after_batch(self):
        self.values.append(self.learn.loss.item())


class Rates(Callback):
    """Keeps the rates of a training."""

    order = 100  # after what schedules them

    def before_fit(self):
        self.values = []

    def before_batch(self):
        self.values.append(self.learn.opt.hypers[-1]["lr"])


def two_groups(model):
    return [list(model[:2].parameters()), list(model[2:].parameters())]


def new_learner(path, batch_size=8, **options):
    """A Learner as a fresh process would make it."""
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(1)
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
    dls = DataLoaders(
        DataLoader(DATA, batch_size, shuffle=True), DataLoader(DATA, 8), path=path, device=torch.device("cpu")
    )
    settings = {"loss_func": nn.CrossEntropyLoss(), "lr": 0.01}
    return Learner(dls, model, **(settings | options))


OPTIMIZERS = {
    "Adam": Adam,
    "SGD": SGD,
    "torch's AdamW": lambda parameters, **hypers: OptimWrapper(parameters, torch.optim.AdamW, **hypers),
}


def fit(learn, epochs=2):
    losses = Keeper()
    with learn.no_bar(), learn.no_logging():
        learn.fit(epochs, cbs=losses)
    return losses.values


class Interrupted(nn.CrossEntropyLoss):
    """Ctrl-C at the fifth batch after it was told so."""

    left = float("inf")

    def forward(self, *arguments):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
        return super().forward(*arguments)


@pytest.mark.parametrize("make_optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("is_warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("is_interrupted", [False, True], ids=["complete", "interrupted"])
def test_training_after_a_search_is_bit_identical_to_training_without(
    make_optimizer, is_warm, is_interrupted, tmp_path
):
    def train(with_search):
        loss = Interrupted()
        learn = new_learner(tmp_path, opt_func=make_optimizer, loss_func=loss)
        if is_warm:
            fit(learn)
        if with_search:
            attributes = dict(vars(learn))
            if is_interrupted:
                loss.left = 5
                with pytest.raises(KeyboardInterrupt) as caught:
                    lr_find(learn)
                assert len(caught.value.partial_result.losses) == 4
            else:
                lr_find(learn)
            assert vars(learn).keys() == attributes.keys()
            assert all(vars(learn)[name] is value for name, value in attributes.items())
            loss.left = float("inf")
        return fit(learn), learn.model.state_dict()

    (losses, weights), (losses_after, weights_after) = train(False), train(True)
    assert losses_after == losses
    for name, tensor in weights.items():
        assert torch.equal(weights_after[name], tensor), name


def test_no_callback_fires_and_nothing_is_written(tmp_path, capsys):
    learn = new_learner(
        tmp_path, metrics=[lambda *_: 1 / 0], cbs=[CSVLogger(), SaveModelCallback(monitor="train_loss")]
    )
    lr_find(learn, **BOUNDS)
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().out == ""


def test_a_schedule_does_not_move_the_rate_and_is_there_afterwards(tmp_path):
    scheduled = new_learner(tmp_path, cbs=ParamScheduler({"lr": SchedLin(1e-9, 1e-8)}))
    result, plain = (lr_find(learn, **BOUNDS) for learn in (scheduled, new_learner(tmp_path)))
    np.testing.assert_array_equal(result.losses, plain.losses)
    assert isinstance(scheduled.param_scheduler, ParamScheduler)
    assert scheduled.param_scheduler in list(scheduled.cbs)


def quadratic(*callbacks, **options):
    """A Learner whose losses are known: batches of two ones, and a weight of 3."""
    ones = torch.ones(10, 1, dtype=torch.float64)
    data = TensorDataset(ones, 0 * ones)
    dls = DataLoaders(DataLoader(data, 2), DataLoader(data, 2), device=torch.device("cpu"))
    settings = {"loss_func": mean_output, "opt_func": SGD, "cbs": callbacks}
    return Learner(dls, Quadratic(), **(settings | options))


def test_accumulated_batches_are_one_step_with_their_mean_loss():
    result = lr_find(quadratic(GradientAccumulation(4)), **BOUNDS)
    weights = 3 * np.concatenate([[1.0], np.cumprod(1 - 4 * result.lrs[:-1])])
    np.testing.assert_allclose(result.losses, 2 * weights**2)


def test_gradients_are_clipped_as_in_training():
    result = lr_find(quadratic(GradientClip(0.5)), **BOUNDS)
    weights = 3 - np.concatenate([[0.0], np.cumsum(0.5 * result.lrs[:-1])])
    np.testing.assert_allclose(result.losses, 2 * weights**2, rtol=1e-5)


class Skipping(GradientClip):
    """Skips every step, as mixed precision does where gradients are not finite."""

    def before_step(self):
        raise CancelStepException


def test_a_loss_that_is_not_finite_ends_the_sweep_although_its_step_is_skipped():
    result = lr_find(quadratic(Skipping(), loss_func=lambda *batch: mean_output(*batch) * float("nan")), **BOUNDS)
    assert result.stop_reason is StopReason.NOT_FINITE
    assert len(result.losses) == 1


def test_a_training_that_skips_every_step_is_told():
    with pytest.raises(RuntimeError, match="no optimizer step was taken in 1000 batches"):
        lr_find(quadratic(Skipping()), **BOUNDS)


def test_weight_decay_is_that_of_the_search():
    result = lr_find(quadratic(wd=0.1), wd=0.5, **BOUNDS)
    weights = 3 * np.concatenate([[1.0], np.cumprod((1 - 0.5 * result.lrs[:-1]) - 4 * result.lrs[:-1])])
    np.testing.assert_allclose(result.losses, 2 * weights**2)


@pytest.mark.parametrize(("name", "momentum"), [("Adam", 0.9), ("SGD", 0.0), ("torch's AdamW", 0.9)])
def test_the_curve_tells_the_momentum_of_the_optimizer(tmp_path, name, momentum):
    assert lr_find(new_learner(tmp_path, opt_func=OPTIMIZERS[name]), **BOUNDS).curve.momentum == momentum


def test_mixup_takes_part_and_its_loss_is_taken_off_again(tmp_path):
    loss = CrossEntropyLossFlat()
    learn = new_learner(tmp_path, loss_func=loss, cbs=MixUp())
    mixed, plain = lr_find(learn, **BOUNDS), lr_find(new_learner(tmp_path), **BOUNDS)
    assert learn.loss_func is loss
    assert not np.array_equal(mixed.losses, plain.losses)


def test_a_slice_over_the_groups_of_the_learner_keeps_its_ratios(tmp_path):
    result = lr_find(new_learner(tmp_path, splitter=two_groups, lr=slice(1e-3, 1e-2)), **BOUNDS)
    np.testing.assert_allclose(result.group_lrs[:, 0] * 10, result.group_lrs[:, 1])
    np.testing.assert_array_equal(result.group_lrs[:, 1], result.lrs)


def test_the_groups_of_a_learner_get_rates_of_their_own_where_that_is_asked_for(tmp_path):
    learn = new_learner(tmp_path, batch_size=32, splitter=two_groups, lr=slice(1e-3, 1e-2))
    first, second = lr_find(learn, by_group=True).group_suggestions
    assert first.lr / second.lr != pytest.approx(0.1)
    learn.fit(1, slice(first.lr, second.lr))
    assert [hyper["lr"] for hyper in learn.opt.hypers] == pytest.approx([first.lr, second.lr])


def test_the_bounds_may_be_slices_and_frozen_groups_stay_frozen(tmp_path):
    learn = new_learner(tmp_path, splitter=two_groups)
    learn.freeze()
    result = lr_find(learn, start_lr=slice(1e-5, 1e-4), end_lr=slice(1e-1), num_it=20)
    np.testing.assert_allclose(result.group_lrs[[0, -1]], [[1e-5, 1e-4], [1e-2, 1e-1]])
    assert not learn.model[0].weight.requires_grad


def test_the_curve_is_that_of_plain_pytorch():
    learn = quadratic()
    plain = lr_find(learn.model, torch.optim.SGD(learn.model.parameters(), 1), mean_output, learn.dls.train, **BOUNDS)
    np.testing.assert_allclose(lr_find(learn, **BOUNDS).losses, plain.losses)


def test_what_can_not_work_is_refused_by_name(tmp_path):
    no_batches = DataLoader(DATA, 100, drop_last=True)
    learn = Learner(DataLoaders(no_batches, no_batches), nn.Linear(4, 3), loss_func=nn.CrossEntropyLoss())
    with pytest.raises(ValueError, match="must have at least one batch"):
        lr_find(learn)
    with pytest.raises(ValueError, match="one rate per parameter group"):
        lr_find(new_learner(tmp_path), start_lr=[1e-3, 1e-2])


def test_a_sweep_that_runs_away_stops(tmp_path):
    assert lr_find(new_learner(tmp_path, opt_func=SGD), start_lr=1e-3, end_lr=1e9).stop_reason in (
        StopReason.DIVERGED,
        StopReason.NOT_FINITE,
    )


@pytest.mark.parametrize("has_fitted", [False, True])
@pytest.mark.parametrize("options", [{"lr": slice(1e-3, 1e-2)}, {"opt_func": partial(Adam, lr=slice(1e-3, 1e-2))}])
def test_a_learner_fits_with_the_rate_and_its_groups_keep_their_ratio(tmp_path, options, has_fitted):
    learn = new_learner(tmp_path, splitter=two_groups, **options)
    if has_fitted:
        learn.fit(1)
    result = RangeTestResult(valley_curve(), steps_taken=200)
    assert result.apply(learn) == [(1e-2, result.suggestion.lr)]
    learn.fit(1)
    np.testing.assert_allclose(list(learn.opt.hypers.attrgot("lr")), result.suggestion.lr * np.array([0.1, 1]))


FITS = {
    "fit": ("constant", lambda learn, **options: learn.fit(3, 0.02, **options)),
    "fit_one_cycle": ("one_cycle", lambda learn, **options: learn.fit_one_cycle(3, 0.02, **options)),
    "fit_flat_cos": ("wsd", lambda learn, **options: learn.fit_flat_cos(3, 0.02, **options)),
    "fit_sgdr": ("constant", lambda learn, **options: learn.fit_sgdr(2, 1, 0.02, **options)),  # it restarts
    "cosine": ("cosine", lambda learn, cbs: learn.fit(3, cbs=[ParamScheduler({"lr": SchedCos(0.02, 0)}), *cbs])),
    "linear": ("linear", lambda learn, cbs: learn.fit(3, cbs=[ParamScheduler({"lr": SchedLin(0.02, 0)}), *cbs])),
}


@pytest.mark.parametrize(("kind", "fit"), FITS.values(), ids=FITS)
def test_a_fit_that_searches_goes_its_course_at_the_rate_for_its_length(tmp_path, capsys, kind, fit):
    def train(*callbacks):
        learn = new_learner(tmp_path)
        fit(learn, cbs=callbacks)
        return learn

    finder, rates, plain = LRFinderCallback(num_it=60), Rates(), Rates()
    train(plain)
    with_search = train(finder, rates)
    assert finder.result.horizon == Horizon(kind, 3 * 8)
    lr = finder.result.suggestion.lr
    assert lr == finder.result.schedule(kind, 24).lr != 0.02
    np.testing.assert_allclose(rates.values, np.array(plain.values) * lr / 0.02)
    assert "LRFinderCallback: the learning rate is" in capsys.readouterr().err
    assert with_search.lr == 0.01


def test_a_fit_that_searches_trains_as_one_that_was_given_its_rate(tmp_path):
    def train(lr, *callbacks):
        learn, losses = new_learner(tmp_path, splitter=two_groups), Keeper()
        with learn.no_bar(), learn.no_logging():
            learn.fit_one_cycle(2, lr, cbs=[losses, *callbacks])
        return losses.values

    finder = LRFinderCallback(num_it=60)
    losses = train(slice(1e-3, 1e-2), finder)
    np.testing.assert_allclose(finder.result.group_lrs[:, 0] * 10, finder.result.group_lrs[:, 1])
    lr = finder.result.suggestion.lr
    np.testing.assert_allclose(losses, train(slice(lr / 10, lr)), rtol=1e-5)


@pytest.mark.filterwarnings("ignore:numpy.core is deprecated")  # fastai's, where it loads a model
def test_trackers_take_part_in_a_fit_that_searches(tmp_path):
    """They are silent where a Learner has something of the name that fastai gives to its own finder."""
    learn = new_learner(tmp_path)
    learn.fit(3, cbs=[SaveModelCallback(monitor="train_loss"), LRFinderCallback(num_it=60)])
    assert [path.name for path in tmp_path.rglob("*.pth")] == ["model.pth"]


@pytest.mark.filterwarnings("ignore:numpy.core is deprecated")
def test_fastais_own_search_is_left_alone(tmp_path):
    def rates(*callbacks):
        learn = new_learner(tmp_path, cbs=callbacks)
        learn.lr_find(show_plot=False)
        return learn.recorder.lrs

    finder = LRFinderCallback(num_it=60)
    np.testing.assert_array_equal(rates(finder), rates())
    assert finder.result is None


def test_a_schedule_of_the_users_has_its_own_rates_again_after_the_fit(tmp_path):
    schedule, finder = ParamScheduler({"lr": SchedCos(0.02, 0)}), LRFinderCallback(num_it=60)
    learn = new_learner(tmp_path)
    learn.fit(1, cbs=[schedule, finder])
    assert (schedule.scheds["lr"](0.0), finder.result.suggestion.lr) == (
        0.02,
        pytest.approx(learn.recorder.hps["lr"][0]),
    )
    learn.cbs[0].before_batch = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        learn.fit(1, cbs=[schedule, finder])
    del learn.cbs[0].before_batch
    learn.fit(1, cbs=[schedule, finder])  # after one that fastai did not end
    assert schedule.scheds["lr"](0.0) == 0.02


def test_the_weight_decay_of_a_search_is_that_of_its_fit(tmp_path):
    def losses(**options):
        finder = LRFinderCallback(num_it=60)
        new_learner(tmp_path, **options).fit(1, wd=0.3, cbs=finder)
        return finder.result.losses

    np.testing.assert_array_equal(losses(wd=0.01), losses(wd=0.3))


COURSES = {
    "a long rise": ("one_cycle", [*np.linspace(0, 1, 50), *np.linspace(1, 0, 150)]),
    "a warm-up, then a cosine": ("cosine", [*np.linspace(0, 1, 30), *(1 + np.cos(np.linspace(0, np.pi, 170))) / 2]),
    "a long warm-up, level, down": ("wsd", [*np.linspace(0, 1, 40), *np.ones(120), *np.linspace(1, 0, 40)]),
    "a warm-up, then level": ("constant", [*np.linspace(0, 1, 30), *np.ones(170)]),
    "steps": (None, [*np.ones(70), *np.full(70, 0.1), *np.full(60, 0.01)]),
    "exponential": (None, np.geomspace(1, 1e-3, 200)),
    "down to a half": (None, np.linspace(1, 0.5, 200)),
}


@pytest.mark.parametrize(("kind", "course"), COURSES.values(), ids=COURSES)
def test_a_course_is_the_schedule_that_it_is_like(kind, course):
    assert kind_of(np.array(course)) == kind


def test_groups_get_rates_of_their_own_in_a_fit_that_searches_where_that_is_asked_for(tmp_path):
    finder = LRFinderCallback(by_group=True)
    learn = new_learner(tmp_path, batch_size=32, splitter=two_groups)
    learn.fit(2, slice(1e-3, 1e-2), cbs=finder)
    found = [suggestion.lr for suggestion in finder.result.group_suggestions]
    np.testing.assert_allclose(list(learn.opt.hypers.attrgot("lr")), found)
    assert not np.isclose(found[0] * 10, found[1])


def test_the_steps_of_a_fit_are_those_of_the_optimizer_and_one_that_goes_on_does_not_search(tmp_path):
    finder = LRFinderCallback(num_it=60)
    learn = new_learner(tmp_path, cbs=finder)
    learn.fit(16, cbs=GradientAccumulation(12))  # of 8 a batch
    assert finder.result.horizon == Horizon("constant", 16 * 8 // 2)
    learn.fit(2, start_epoch=1)
    assert finder.result is None


def test_an_option_of_the_callback_that_is_none_is_told():
    with pytest.raises(TypeError, match="num_it"):
        LRFinderCallback(num_iter=60)
