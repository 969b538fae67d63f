"""Keras on the backend that KERAS_BACKEND names, torch where it names none.

scripts/test all runs this on torch, on JAX, and on TensorFlow, which has an environment of its own.
"""

import os
import threading

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import pytest

from curves import valley_curve
from lr_finder import NoSuggestionError, RangeTestResult, StopReason, lr_find
from lr_finder.curve.horizon import Horizon
from lr_finder.integrations.keras import LRFinder
from lr_finder.integrations.keras import lr_find as keras_lr_find

# Keras reads tensors of the torch backend in a way that NumPy 2 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

BOUNDS = {"start_lr": 1e-4, "end_lr": 0.1, "num_it": 20}
INPUTS = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
TARGETS = np.sin(INPUTS.sum(axis=1, keepdims=True))


def layers():
    return [
        keras.layers.Dense(16, activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(1),
    ]


def new_model(make_optimizer=lambda: keras.optimizers.Adam(1e-2), *, is_built=True, **options):
    """A model as a fresh process would make it."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), *layers()] if is_built else layers())
    model.compile(make_optimizer(), "mse", metrics=["mae"], **options)
    return model


def fit(model, **options):
    return model.fit(INPUTS, TARGETS, **({"batch_size": 8, "epochs": 2, "verbose": 0} | options)).history


def values(model):
    """Every variable of a model and its optimizer."""
    return [
        np.array(keras.ops.convert_to_numpy(keras.ops.stop_gradient(variable.value)))
        for variable in [*model.variables, *model.optimizer.variables]
    ]


def assert_identical(these, those):
    for left, right in zip(these, those, strict=True):
        np.testing.assert_array_equal(left, right)


SCHEDULE = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
KINDS = {
    "never fitted": ({}, False),
    "not built": ({"is_built": False}, False),
    "fitted": ({}, True),
    "fitted with a schedule": ({"make_optimizer": lambda: keras.optimizers.SGD(SCHEDULE)}, True),
    "accumulating": ({"make_optimizer": lambda: keras.optimizers.Adam(1e-2, gradient_accumulation_steps=2)}, False),
}


@pytest.mark.parametrize(("kind", "is_fitted"), KINDS.values(), ids=KINDS)
def test_training_after_a_search_is_bit_identical_to_training_without(kind, is_fitted):
    def train(with_search):
        model = new_model(**kind)
        if is_fitted:
            fit(model, epochs=1)
        if with_search:
            lr_find(model, INPUTS, TARGETS, batch_size=8, num_it=40, max_it=40)  # two ramps
        return fit(model), values(model)

    (history, weights), (history_after, weights_after) = train(False), train(True)
    assert history_after == history
    assert_identical(weights_after, weights)


def test_averages_of_the_weights_start_as_if_never_searched():
    def train(with_search):
        model = new_model(lambda: keras.optimizers.AdamW(1e-2, use_ema=True))
        if with_search:
            lr_find(model, INPUTS, TARGETS, batch_size=8, num_it=40, max_it=40)  # two ramps
        fit(model)
        return values(model)

    assert_identical(train(True), train(False))


class Raising:
    """Batches that end in an error."""

    def __init__(self, error):
        self.error = error

    def __iter__(self):
        for start in range(0, 40, 8):
            yield INPUTS[start : start + 8], TARGETS[start : start + 8]
        raise self.error


@pytest.mark.parametrize("error", [ArithmeticError("in the data"), KeyboardInterrupt()])
def test_a_model_trains_on_as_if_never_searched_when_the_search_raises(error):
    def train(with_search):
        model = new_model(is_built=False)
        if with_search:
            with pytest.raises(type(error)) as caught:
                lr_find(model, iter(Raising(error)), **BOUNDS)
            assert 0 < len(caught.value.partial_result.losses) <= 5
        return fit(model), values(model)

    (history, weights), (history_after, weights_after) = train(False), train(True)
    assert history_after == history
    assert_identical(weights_after, weights)


def test_nothing_of_the_model_is_another_object_afterwards():
    model = new_model(is_built=False)
    attributes, optimizer = dict(vars(model)), dict(vars(model.optimizer))
    lr_find(model, INPUTS, TARGETS, batch_size=8, **BOUNDS)
    assert vars(model).keys() == attributes.keys()
    assert all(vars(model)[name] is value for name, value in attributes.items())
    assert all(vars(model.optimizer)[name] is value for name, value in optimizer.items())
    assert not model.built
    assert not hasattr(model, "history")
    assert keras.layers.Dense(1).name == "dense_2"  # as if no name had been given out meanwhile


@pytest.mark.parametrize(
    ("schedule", "horizon"),
    [
        (
            keras.optimizers.schedules.CosineDecay(0.0, 900, warmup_target=0.1, warmup_steps=100),
            Horizon("cosine", 1000),
        ),
        (keras.optimizers.schedules.CosineDecay(0.1, 900, alpha=0.5), Horizon()),
        (keras.optimizers.schedules.PolynomialDecay(0.1, 900, 0.0), Horizon("linear", 900)),
        (keras.optimizers.schedules.PolynomialDecay(0.1, 900, 0.0, power=2), Horizon()),
        (SCHEDULE, Horizon()),
    ],
)
def test_the_suggestion_is_for_the_training_that_the_schedule_is_made_for(schedule, horizon):
    model = new_model(lambda: keras.optimizers.SGD(schedule))
    assert lr_find(model, INPUTS, TARGETS, batch_size=8, **BOUNDS).horizon == horizon


def test_the_rate_climbs_on_a_schedule_and_the_schedule_is_back_afterwards():
    model = new_model(lambda: keras.optimizers.SGD(SCHEDULE))
    fit(model, epochs=1)
    scheduled = lr_find(model, INPUTS, TARGETS, batch_size=8, **BOUNDS)
    assert model.optimizer._learning_rate is SCHEDULE
    plain = new_model(lambda: keras.optimizers.SGD(0.1))
    np.testing.assert_array_equal(scheduled.lrs, lr_find(plain, INPUTS, TARGETS, batch_size=8, **BOUNDS).lrs)


class Slope(keras.layers.Layer):
    """A single weight on one input."""

    def build(self, input_shape):
        self.weight = self.add_weight(shape=(), initializer="ones")

    def call(self, inputs):
        return self.weight * inputs


def slope(**optimizer_options):
    """A model whose loss on targets of 0 is its weight squared times the mean squared input."""
    model = keras.Sequential([keras.Input((1,)), Slope()])
    model.compile(keras.optimizers.SGD(0.1, **optimizer_options), "mse")
    return model


def weights_of_slope(lrs):
    return np.concatenate([[1.0], np.cumprod(1 - 2 * lrs[:-1])])


def test_the_losses_are_those_of_each_batch_and_no_running_mean():
    ones, zeros = np.ones((24, 1), np.float32), np.zeros((24, 1), np.float32)
    result = lr_find(slope(), ones, zeros, batch_size=8, start_lr=0.01, end_lr=0.4, num_it=10)
    np.testing.assert_allclose(result.losses, weights_of_slope(result.lrs) ** 2, rtol=1e-5)


def test_accumulated_batches_are_one_step_with_their_mean_loss():
    inputs = np.sqrt(np.tile([[0.5], [1.5]], (6, 1))).astype(np.float32)
    arguments = (slope(gradient_accumulation_steps=2), inputs, np.zeros_like(inputs))
    result = lr_find(*arguments, batch_size=1, shuffle=False, start_lr=0.01, end_lr=0.4, num_it=10)
    np.testing.assert_allclose(result.losses, weights_of_slope(result.lrs) ** 2, rtol=1e-5)


def test_weight_decay_is_that_of_the_search_and_then_the_users_again():
    ones, zeros = np.ones((8, 1), np.float32), np.zeros((8, 1), np.float32)
    model = slope(weight_decay=0.25)
    model.fit(ones, zeros, verbose=0)
    model.layers[0].weight.assign(1.0)
    for given, weight_decay in [(0.5, 0.5), (None, 0.25)]:
        result = lr_find(model, ones, zeros, wd=given, start_lr=0.01, end_lr=0.3, num_it=10)
        weights = np.concatenate([[1.0], np.cumprod(1 - (2 + weight_decay) * result.lrs[:-1])])
        np.testing.assert_allclose(result.losses, weights**2, rtol=1e-5)


@pytest.mark.parametrize(
    ("optimizer", "momentum"),
    [
        (keras.optimizers.SGD(0.1), 0.0),
        (keras.optimizers.RMSprop(0.1, momentum=0.5), 0.5),
        (keras.optimizers.Adam(0.1), 0.9),
        (keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1, beta_1=0.8)), 0.8),
        (keras.optimizers.Adagrad(0.1), None),
    ],
)
def test_the_curve_tells_the_momentum_of_the_optimizer(optimizer, momentum):
    assert lr_find(new_model(lambda: optimizer), INPUTS, TARGETS, batch_size=8, **BOUNDS).curve.momentum == momentum


def loss_scaling(initial_scale=2.0**15):
    """A model whose optimizer skips the steps that overflow."""
    model = keras.Sequential([keras.Input((1,)), Slope()])
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=initial_scale), "mse")
    return model


def test_a_step_that_loss_scaling_skips_is_no_point():
    ones, zeros = np.ones((24, 1), np.float32), np.zeros((24, 1), np.float32)
    result = lr_find(loss_scaling(2.0**127), ones, zeros, batch_size=8, start_lr=0.01, end_lr=0.4, num_it=10)
    np.testing.assert_allclose(result.losses, weights_of_slope(result.lrs) ** 2, rtol=1e-5)


def test_a_loss_that_is_not_finite_ends_the_sweep_although_loss_scaling_skips_its_step():
    def batches():
        for target in [0.0] * 5 + [np.nan] * 100:
            yield np.ones((8, 1), np.float32), np.full((8, 1), target, np.float32)

    result = lr_find(loss_scaling(), batches(), start_lr=0.01, end_lr=0.4, num_it=10)
    assert result.stop_reason is StopReason.NOT_FINITE
    assert len(result.losses) == 8


class Batches(keras.utils.PyDataset):
    """A data set that shuffles itself."""

    def __init__(self):
        super().__init__()
        self.generator, self.order = np.random.default_rng(2), np.arange(8)

    def __len__(self):
        return 8

    def __getitem__(self, index):
        rows = slice(8 * self.order[index], 8 * self.order[index] + 8)
        return INPUTS[rows], TARGETS[rows]

    def on_epoch_end(self):
        self.generator.shuffle(self.order)


def test_a_data_set_that_shuffles_itself_is_put_back():
    searched, alone = Batches(), Batches()
    lr_find(new_model(), searched, **BOUNDS)
    np.testing.assert_array_equal(searched.order, alone.order)
    assert searched.generator.bit_generator.state == alone.generator.bit_generator.state


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow is in an environment of its own")
def test_a_tf_data_set_is_searched_and_trained_on_as_without_a_search():
    from tensorflow.data import Dataset

    def train(with_search):
        model = new_model()
        batches = Dataset.from_tensor_slices((INPUTS, TARGETS)).shuffle(64, seed=3, reshuffle_each_iteration=False)
        if with_search:
            lr_find(model, batches.batch(8), num_it=40, max_it=40)  # two ramps
        model.fit(batches.batch(8), epochs=2, shuffle=False, verbose=0)
        return values(model)

    assert_identical(train(True), train(False))


def test_a_generator_that_ends_ends_the_search():
    batches = ((INPUTS[i : i + 8], TARGETS[i : i + 8]) for i in range(0, 64, 8))
    result = lr_find(new_model(), batches, start_lr=1e-4, end_lr=0.1, num_it=50)
    assert result.stop_reason is StopReason.DATA_ENDED
    assert len(result.losses) == 8


def test_an_endless_generator_serves_both_ramps():
    def batches():
        while True:
            yield INPUTS, TARGETS

    assert lr_find(new_model(), batches()).steps_taken > 40


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="compiles on JAX alone")
def test_a_step_that_was_compiled_is_not_compiled_again_and_several_steps_a_call_are_taken_one_by_one():
    traces = []

    def loss(target, output):
        if isinstance(keras.ops.sum(output), keras.KerasTensor):
            return keras.ops.mean(output)
        traces.append(None)
        return keras.ops.mean((target - output) ** 2)

    model = slope()
    model.compile("sgd", loss, steps_per_execution=4)
    ones = np.ones((24, 1), np.float32)
    model.fit(ones, ones, batch_size=8, epochs=1, verbose=0)
    compiled, function = list(traces), model.train_function
    assert lr_find(model, ones, 0 * ones, batch_size=8).steps_taken > 40
    assert traces == compiled
    assert model.steps_per_execution == 4
    assert model.train_function is function


CALLBACK = {"start_lr": 1e-4, "end_lr": 0.9, "num_it": 60}
"""One ramp, at whose end the slope runs away."""


def fitted_slope(inputs, **options):
    model = slope()
    history = model.fit(inputs, np.zeros_like(inputs), **({"verbose": 0, "epochs": 2} | options)).history
    return model, history["loss"]


def noisy_ones():
    return np.random.default_rng(3).normal(1, 0.1, size=(64, 1)).astype(np.float32)


DATA_OF_A_FIT = {
    "arrays": {"batch_size": 8},
    "a part for validation": {"batch_size": 8, "validation_split": 0.25},
    "weighted": {"batch_size": 8, "sample_weight": np.linspace(0.5, 1.5, 64)},
}


@pytest.mark.parametrize("options", DATA_OF_A_FIT.values(), ids=DATA_OF_A_FIT)
def test_a_fit_with_the_callback_is_a_fit_with_the_rate_that_is_found_on_its_data(capsys, options):
    keras.utils.set_random_seed(1)
    callback = LRFinder(**CALLBACK)
    model, losses = fitted_slope(noisy_ones(), callbacks=[callback], **options)
    suggestion = callback.result.suggestion
    assert float(model.optimizer.learning_rate) == pytest.approx(suggestion.lr)
    said = " ".join(capsys.readouterr().err.split())  # as wide as the terminal
    assert said == f"LRFinder: the learning rate is {suggestion}; it was 0.1"
    keras.utils.set_random_seed(1)
    alone = slope()
    alone.optimizer.learning_rate = suggestion.lr
    inputs = noisy_ones()
    alone.fit(inputs, np.zeros_like(inputs), verbose=0, epochs=2, **options)
    assert_identical(values(model), values(alone))
    assert len(losses) == 2


def test_every_fit_searches_anew_and_one_that_goes_on_does_not(capsys):
    callback = LRFinder(**CALLBACK)
    model, _ = fitted_slope(noisy_ones(), batch_size=8, callbacks=[callback])
    first = callback.result
    model.layers[0].weight.assign(1.0)
    model.fit(noisy_ones(), np.zeros((64, 1)), batch_size=8, verbose=0, callbacks=[callback])
    assert callback.result is not first
    capsys.readouterr()
    model.fit(noisy_ones(), np.zeros((64, 1)), initial_epoch=1, epochs=2, verbose=0, callbacks=[callback])
    assert callback.result is None
    assert "no search, the fit goes on from epoch 1 with the rate that it has" in capsys.readouterr().err


def test_a_fit_without_a_suggestion_ends_before_its_first_step():
    model = slope()
    with pytest.raises(NoSuggestionError):
        model.fit(np.zeros((8, 1)), np.zeros((8, 1)), verbose=0, callbacks=[LRFinder(num_it=40)])
    assert int(model.optimizer.iterations) == 0


def test_a_fit_that_the_callback_can_not_serve_is_told_what_to_do():
    with pytest.raises(TypeError, match=r"no argument 'max_lr' here; that is end_lr"):
        LRFinder(max_lr=1)
    with pytest.raises(TypeError, match="is a schedule"):
        fit(new_model(lambda: keras.optimizers.SGD(SCHEDULE)), callbacks=[LRFinder()])
    with pytest.raises(TypeError, match=r"x must be data that can be gone through again, got a generator"):
        slope().fit(((INPUTS, TARGETS) for _ in range(9)), shuffle=False, verbose=0, callbacks=[LRFinder()])


class TwoSlopes(keras.Model):
    """Two weights with an optimizer for each, in a step of its own, as a GAN has them; the one of Keras has no part."""

    def __init__(self):
        super().__init__()
        self.first, self.second = Slope(), Slope()
        self.build((None, 1))

    def compile(self, first_optimizer, second_optimizer):
        super().compile()
        self.first_optimizer, self.second_optimizer = first_optimizer, second_optimizer

    def build(self, input_shape):
        self.first.build(input_shape)
        self.second.build(input_shape)
        self.built = True

    def call(self, inputs):
        return self.first(inputs) + self.second(inputs)

    def train_step(self, data):
        inputs, _ = data
        weights = [self.first.weight, self.second.weight]
        losses = [keras.ops.mean((weight * inputs) ** 2) for weight in weights]
        for weight, optimizer in zip(weights, [self.first_optimizer, self.second_optimizer], strict=True):
            optimizer.apply([2 * weight.value], [weight])
        return {"loss": losses[0] + losses[1]}


def two_slopes():
    model = TwoSlopes()
    model.compile(keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.1))
    return model


not_on_jax = pytest.mark.skipif(keras.backend.backend() == "jax", reason="a train_step there has no optimizer but one")


@not_on_jax
def test_several_optimizers_are_found_and_keep_the_ratios_of_their_rates():
    model = two_slopes()
    ones = np.ones((24, 1), np.float32)
    result = lr_find(model, ones, ones, batch_size=8, start_lr=0.01, end_lr=0.4, num_it=10)
    np.testing.assert_allclose(result.group_lrs[:, 0] * 10, result.group_lrs[:, 1], rtol=1e-6)
    known = sum(weights_of_slope(result.group_lrs[:, group]) ** 2 for group in (0, 1))
    np.testing.assert_allclose(result.losses, known, rtol=1e-5)
    assert [float(optimizer.learning_rate) for optimizer in (model.first_optimizer, model.second_optimizer)] == [
        pytest.approx(0.01), pytest.approx(0.1)
    ]  # fmt: skip
    assert not model.first_optimizer.built


@not_on_jax
def test_the_callback_sets_the_rates_of_those_optimizers_that_train():
    model, callback = two_slopes(), LRFinder(start_lr=1e-3, end_lr=100.0, num_it=60)
    model.fit(noisy_ones(), noisy_ones(), batch_size=8, verbose=0, callbacks=[callback])
    lr = callback.result.suggestion.lr
    assert float(model.first_optimizer.learning_rate) == pytest.approx(lr / 10)
    assert float(model.second_optimizer.learning_rate) == pytest.approx(lr)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)  # that of Keras, which trains nothing


REFUSED = {
    "not a model": (lambda: keras_lr_find(keras.layers.Dense(1), INPUTS), TypeError, "model must be a keras.Model"),
    "not compiled": (lambda: lr_find(keras.Sequential(layers()), INPUTS, TARGETS), ValueError, "must be compiled"),
    "two rates": (lambda: lr_find(new_model(), INPUTS, TARGETS, start_lr=[1, 2], end_lr=3), ValueError, "one rate per"),
}


@pytest.mark.parametrize(("call", "error", "text"), REFUSED.values(), ids=REFUSED)
def test_what_can_not_work_is_refused_by_name(call, error, text):
    with pytest.raises(error, match=text):
        call()


RESULT = RangeTestResult(valley_curve(), steps_taken=200)


@pytest.mark.parametrize("has_loss_scaling", [False, True])
def test_a_model_trains_with_the_rate(has_loss_scaling):
    model = loss_scaling() if has_loss_scaling else slope()
    assert RESULT.apply(model) == [(pytest.approx(0.1), pytest.approx(RESULT.suggestion.lr))]
    model.fit(np.ones((8, 1), np.float32), np.zeros((8, 1), np.float32), verbose=0)
    np.testing.assert_allclose(values(model)[0], 1 - 2 * RESULT.suggestion.lr, rtol=1e-6)


def test_optimizers_get_the_rate_and_keep_their_ratios():
    first, second = keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.01)
    RESULT.apply([first, second])
    assert float(first.learning_rate) == pytest.approx(RESULT.suggestion.lr)
    assert float(second.learning_rate) == pytest.approx(RESULT.suggestion.lr / 10)


def test_a_schedule_takes_no_rate_and_a_model_with_two_optimizers_says_which():
    with pytest.raises(TypeError, match=r"the rate of SGD is a schedule, ExponentialDecay, .*compile the model again"):
        RESULT.apply(new_model(lambda: keras.optimizers.SGD(SCHEDULE)))
    model = new_model()
    model.critic_optimizer = keras.optimizers.SGD()
    with pytest.raises(TypeError, match=r"several optimizers \(model.optimizer, model.critic_optimizer\): give"):
        RESULT.apply(model)


class Slices(keras.utils.PyDataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        rows = slice(8 * index, 8 * index + 8)
        return INPUTS[rows], TARGETS[rows]


def test_the_workers_of_a_data_set_end_with_the_ramp():
    """Keras leaves them running where a fit ends amid an epoch, as it does in every ramp."""
    model = new_model()
    model.fit(Slices(workers=2), epochs=1, verbose=0)
    before = threading.active_count()
    lr_find(model, Slices(workers=2), num_it=60)
    assert threading.active_count() == before
