"""skorch nets: searched from where `fit` starts, without the user's callbacks."""

from functools import partial

import numpy as np
import pytest
import torch
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback, Checkpoint, Freezer, GradientNormClipping, LRScheduler
from torch import nn

from curves import valley_curve
from lr_finder import RangeTestResult, lr_find
from quadratic import Quadratic, mean_output

BOUNDS = {"start_lr": 1e-4, "end_lr": 0.1, "num_it": 20}
INPUTS = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)
LABELS = (INPUTS.sum(1) > 0).astype(np.int64) + (INPUTS[:, 0] > 1)


class Network(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))


def new_net(**options):
    torch.manual_seed(1)
    settings = {
        "criterion": nn.CrossEntropyLoss,
        "optimizer": torch.optim.AdamW,
        "batch_size": 8,
        "max_epochs": 2,
        "verbose": 0,
        "iterator_train__shuffle": True,
    }
    return NeuralNetClassifier(Network, **(settings | options))


@pytest.mark.parametrize("is_fitted", [False, True], ids=["not initialized", "fitted"])
@pytest.mark.parametrize("is_interrupted", [False, True], ids=["complete", "interrupted"])
def test_training_after_a_search_is_bit_identical_to_training_without(is_fitted, is_interrupted):
    class Criterion(nn.CrossEntropyLoss):
        calls = 0
        raises_at = None

        def forward(self, *arguments):
            Criterion.calls += 1
            if Criterion.calls == Criterion.raises_at:
                raise KeyboardInterrupt
            return super().forward(*arguments)

    def train(with_search):
        net = new_net(criterion=Criterion, warm_start=True)
        if is_fitted:
            net.fit(INPUTS, LABELS)
        attributes = dict(vars(net))
        if with_search and is_interrupted:
            Criterion.raises_at = Criterion.calls + 5
            with pytest.raises(KeyboardInterrupt) as caught:
                lr_find(net, INPUTS, LABELS)
            assert len(caught.value.partial_result.losses) == 4
        elif with_search:
            lr_find(net, INPUTS, LABELS)
        assert vars(net).keys() == attributes.keys()
        assert all(vars(net)[name] is value for name, value in attributes.items())
        net.fit(INPUTS, LABELS)
        return net.history[:, "train_loss"], net.module_.state_dict()

    (losses, weights), (losses_after, weights_after) = train(False), train(True)
    assert losses_after == losses
    for name, tensor in weights.items():
        assert torch.equal(weights_after[name], tensor), name


def test_no_callback_fires_and_nothing_is_written(tmp_path):
    class Refusing(Callback):
        def initialize(self):
            raise AssertionError("initialized")

        def on_train_begin(self, net, **kwargs):
            raise AssertionError("fired")

    checkpoint = Checkpoint(dirname=tmp_path / "checkpoints")
    lr_find(new_net(callbacks=[Refusing(), ("saved", checkpoint)]), INPUTS, LABELS, **BOUNDS)
    assert not list(tmp_path.iterdir())


def test_a_scheduler_of_the_net_does_not_move_the_rate():
    scheduled = new_net(callbacks=[LRScheduler("StepLR", step_size=1, gamma=0.1, step_every="batch")])
    result, plain = (lr_find(net, INPUTS, LABELS, **BOUNDS) for net in (scheduled, new_net()))
    np.testing.assert_array_equal(result.losses, plain.losses)
    assert not result.curve.notes


class QuadraticNet(NeuralNet):
    """The model's output is the loss."""

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        return mean_output(y_pred, y_true)


def test_gradients_are_clipped_as_in_training():
    ones = torch.ones(10, 1, dtype=torch.float64)
    clipping = GradientNormClipping(0.5)
    net = QuadraticNet(Quadratic(), nn.MSELoss, train_split=None, verbose=0, callbacks=[clipping])
    result = lr_find(net, ones, ones, **BOUNDS)
    weights = 3 - np.concatenate([[0.0], np.cumsum(0.5 * result.lrs[:-1])])
    np.testing.assert_allclose(result.losses, 2 * weights**2, rtol=1e-5)


def test_parameters_are_frozen_as_in_training():
    net = new_net(callbacks=[("frozen", Freezer(["0.*", "1.*", "4.*"]))])
    with pytest.raises(RuntimeError, match="does not require grad"):
        lr_find(net, INPUTS, LABELS, **BOUNDS)


def test_the_held_out_part_is_left_out():
    seen = set()

    class Watching(NeuralNetClassifier):
        def train_step(self, batch, **fit_params):
            seen.update(batch[0][:, 0].tolist())
            return super().train_step(batch, **fit_params)

    torch.manual_seed(1)
    lr_find(Watching(Network, criterion=nn.CrossEntropyLoss, batch_size=8, verbose=0), INPUTS, LABELS, **BOUNDS)
    assert len(seen) == 64


def test_the_curve_is_that_of_plain_pytorch():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
    targets = INPUTS.sum(1, keepdims=True)
    net = NeuralNetRegressor(model, optimizer=torch.optim.AdamW, batch_size=8, train_split=None, verbose=0)
    ours = lr_find(net, INPUTS, targets, **BOUNDS)
    batches = [(torch.tensor(INPUTS[i : i + 8]), torch.tensor(targets[i : i + 8])) for i in range(0, 80, 8)]
    plain = lr_find(model, torch.optim.AdamW(model.parameters(), lr=0.01), nn.MSELoss(), batches, **BOUNDS)
    np.testing.assert_allclose(ours.losses, plain.losses, rtol=1e-6)


def test_parameter_groups_keep_their_ratio_and_weight_decay_is_that_of_the_search():
    groups = [("0.*", {"lr": 0.01}), ("4.*", {"lr": 0.1})]
    result = lr_find(new_net(optimizer__param_groups=groups), INPUTS, LABELS, wd=0.5, **BOUNDS)
    np.testing.assert_allclose(result.group_lrs[:, 0] * 10, result.group_lrs[:, 1])
    np.testing.assert_allclose(result.lrs, result.group_lrs.max(axis=1))


def test_a_net_that_accumulates_counts_its_optimizer_steps():
    class Accumulating(QuadraticNet):
        batches = 0

        def get_loss(self, *arguments, **keywords):
            return super().get_loss(*arguments, **keywords) / 2

        def train_step(self, batch, **fit_params):
            if self.batches % 2 == 0:
                self.optimizer_.zero_grad()
            step = self.train_step_single(batch, **fit_params)
            self.batches += 1
            if self.batches % 2 == 0:
                self.optimizer_.step()
            return step

    ones = torch.ones(10, 1, dtype=torch.float64)
    net = Accumulating(Quadratic(), nn.MSELoss, batch_size=2, train_split=None, verbose=0)
    result = lr_find(net, ones, ones, **BOUNDS)
    weights = 3 * np.concatenate([[1.0], np.cumprod(1 - 4 * result.lrs[:-1])])
    np.testing.assert_allclose(result.losses, weights**2)
    assert net.batches == 0


def as_floats():
    return FunctionTransformer(partial(np.asarray, dtype=np.float32))


@pytest.mark.parametrize("is_nested", [False, True], ids=["pipeline", "pipeline in a pipeline"])
def test_a_pipeline_is_searched_by_the_net_that_it_ends_in(is_nested):
    scaler, net = StandardScaler(), new_net()
    pipeline = make_pipeline(scaler, as_floats(), net)
    if is_nested:
        pipeline = make_pipeline(scaler, make_pipeline(as_floats(), net))
    result = lr_find(pipeline, INPUTS * 100, LABELS, **BOUNDS)
    scaled = StandardScaler().fit_transform(INPUTS * 100).astype(np.float32)
    np.testing.assert_array_equal(result.losses, lr_find(new_net(), scaled, LABELS, **BOUNDS).losses)
    assert not hasattr(scaler, "mean_")
    assert not net.initialized_


WRAPPERS = {
    "a search over settings": (
        lambda net: GridSearchCV(net, {"lr": [0.1, 0.01]}),
        r"got GridSearchCV; give what it fits: lr_find\(model.estimator, X, y\)",
    ),
    "a bag of nets": (
        lambda net: make_pipeline(StandardScaler(), BaggingClassifier(net)),
        "got BaggingClassifier; give",
    ),
    "transformed targets": (
        lambda net: TransformedTargetRegressor(net, transformer=StandardScaler()),
        r"lr_find\(model.regressor, X, transformer.fit_transform\(y\)\)",
    ),
    "no net": (lambda net: make_pipeline(StandardScaler(), Ridge()), "a pipeline that ends in one, got Ridge"),
}


@pytest.mark.parametrize(("wrap", "text"), WRAPPERS.values(), ids=WRAPPERS)
def test_what_fits_a_net_in_its_own_way_is_told_what_to_give(wrap, text):
    with pytest.raises(TypeError, match=text):
        lr_find(wrap(new_net()), INPUTS, LABELS)


def test_what_can_not_work_is_refused_by_name():
    with pytest.raises(ValueError, match="one rate per parameter group"):
        lr_find(new_net(), INPUTS, LABELS, start_lr=[1e-3, 1e-2])
    with pytest.raises(ValueError, match="num_it must be at least 2"):
        lr_find(new_net(), INPUTS, LABELS, num_it=1)


@pytest.mark.parametrize("is_initialized", [False, True])
def test_a_net_trains_with_the_rate_and_its_groups_keep_their_ratio(is_initialized):
    rates = []

    class Noting(Callback):
        def on_train_begin(self, net, **_):
            rates.append([group["lr"] for group in net.optimizer_.param_groups])

    net = new_net(lr=0.1, optimizer__param_groups=[("0.*", {"lr": 0.01})], callbacks=[Noting()])
    if is_initialized:
        net.initialize()
    result = RangeTestResult(valley_curve(), steps_taken=200)
    expected = [pytest.approx(result.suggestion.lr / 10), pytest.approx(result.suggestion.lr)]
    assert sorted(result.apply(net)) == [(0.01, expected[0]), (0.1, expected[1])]
    net.partial_fit(INPUTS, LABELS)
    net.fit(INPUTS, LABELS)  # makes a new optimizer
    assert rates == [expected, expected]
