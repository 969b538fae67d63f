"""JAX with Optax: plain pytrees, Equinox modules, and Flax NNX models."""

import os
import subprocess
import sys
from contextlib import nullcontext
from functools import partial
from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from flax import nnx
from torch.utils.data import DataLoader, TensorDataset

from lr_finder import StopReason, lr_find
from lr_finder.integrations.optax.momentum import known_name
from lr_finder.integrations.optax.ramp import JaxTraining

BOUNDS = {"start_lr": 1e-4, "end_lr": 0.1, "num_it": 20}
RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(64, 4)).astype(np.float32)
TARGETS = np.sin(INPUTS.sum(axis=1))
BATCHES = [(INPUTS[i : i + 8], TARGETS[i : i + 8]) for i in range(0, 64, 8)]


def new_params(dtype=jnp.float32):
    first, second = jax.random.split(jax.random.key(0))
    return {
        "hidden": {"weight": jax.random.normal(first, (4, 16), dtype), "bias": jnp.zeros(16, dtype)},
        "output": jax.random.normal(second, (16,), dtype) / 4,
    }


def predict(params, inputs):
    return jnp.tanh(inputs @ params["hidden"]["weight"] + params["hidden"]["bias"]) @ params["output"]


def squared_error(params, batch):
    inputs, targets = batch
    return jnp.mean((predict(params, inputs) - targets) ** 2)


def leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


def assert_identical(these, those):
    for left, right in zip(leaves(these), leaves(those), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("search", ["no bounds", "one ramp", "interrupted"])
def test_training_after_a_search_is_bit_identical_to_training_without(search):
    optimizer = optax.adamw(1e-2)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params, state, batch):
        updates, state = optimizer.update(jax.grad(squared_error)(params, batch), state, params)
        return optax.apply_updates(params, updates), state

    def train(with_search):
        params = new_params()
        state = optimizer.init(params)
        for epoch in range(3):
            for batch in BATCHES:
                params, state = step(params, state, batch)
            if with_search and epoch == 0:
                searched(params)
        return params, state

    def searched(params):
        if search == "interrupted":
            with pytest.raises(KeyboardInterrupt):
                lr_find(squared_error, params, optax.adamw, InterruptedBatches())
        else:
            lr_find(squared_error, params, optax.adamw, BATCHES, **(BOUNDS if search == "one ramp" else {}))

    assert_identical(train(with_search=True), train(with_search=False))


class InterruptedBatches:
    """Ctrl-C at the sixth batch."""

    def __iter__(self):
        yield from BATCHES[:5]
        raise KeyboardInterrupt


def test_an_error_carries_what_was_measured_before_it():
    with pytest.raises(KeyboardInterrupt) as caught:
        lr_find(squared_error, new_params(), optax.adamw, InterruptedBatches())
    partial_result = caught.value.partial_result
    assert len(partial_result.losses) == 5
    assert partial_result.stop_reason is StopReason.INTERRUPTED
    np.testing.assert_allclose(partial_result.losses[0], squared_error(new_params(), BATCHES[0]), rtol=1e-6)


class Network(nnx.Module):
    """Everything of NNX that a training changes in place: running statistics and random streams."""

    def __init__(self):
        rngs = nnx.Rngs(0)
        self.hidden = nnx.Linear(4, 16, rngs=rngs)
        self.norm = nnx.BatchNorm(16, rngs=rngs)
        self.dropout = nnx.Dropout(0.2, rngs=rngs)
        self.output = nnx.Linear(16, 1, rngs=rngs)

    def __call__(self, inputs):
        return self.output(self.dropout(nnx.relu(self.norm(self.hidden(inputs)))))[:, 0]


def network_error(model, batch):
    inputs, targets = batch
    return jnp.mean((model(inputs) - targets) ** 2)


@pytest.mark.slow
@pytest.mark.parametrize("interrupted", [False, True], ids=["complete", "interrupted"])
def test_an_nnx_model_trains_on_bit_identically(interrupted):
    @nnx.jit
    def step(model, optimizer, batch):
        optimizer.update(model, nnx.grad(network_error)(model, batch))

    def train(with_search):
        model = Network()
        optimizer = nnx.Optimizer(model, optax.adamw(1e-2), wrt=nnx.Param)
        for epoch in range(3):
            for batch in BATCHES:
                step(model, optimizer, batch)
            if with_search and epoch == 0:
                with pytest.raises(KeyboardInterrupt) if interrupted else nullcontext():
                    lr_find(model, network_error, optax.adamw, InterruptedBatches() if interrupted else BATCHES)
        return jax.tree.map(jax.random.key_data, nnx.state(model, nnx.RngKey)), nnx.state(model, nnx.Not(nnx.RngKey))

    assert_identical(train(with_search=True), train(with_search=False))


def test_an_nnx_search_learns_and_carries_the_random_streams_on():
    seen = []

    def loss(model, batch):
        jax.debug.callback(lambda count: seen.append(int(count)), model.dropout.rngs.count[...])
        return network_error(model, batch)

    result = lr_find(Network(), loss, optax.adamw, BATCHES, **BOUNDS)
    jax.effects_barrier()
    assert sorted(seen) == list(range(20))
    assert result.losses[-1] < result.losses[0] / 2


def test_only_the_variables_named_by_wrt_are_trained():
    class Adapter(nnx.Param):
        pass

    class Model(nnx.Module):
        def __init__(self):
            self.base, self.adapter = nnx.Param(jnp.array(2.0)), Adapter(jnp.array(1.0))

    def loss(model, batch):
        return model.base[...] ** 2 + model.adapter[...] ** 2

    result = lr_find(Model(), loss, optax.sgd, [0], start_lr=0.1, end_lr=0.4, num_it=5, wrt=Adapter)
    adapter = np.concatenate([[1.0], np.cumprod(1 - 2 * result.lrs[:-1])])
    np.testing.assert_allclose(result.losses, 4 + adapter**2, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:Using 'Module.sow:DeprecationWarning")
def test_a_model_that_sows_keeps_one_trace():
    traces = []

    class Sowing(Network):
        def __call__(self, inputs):
            self.sow(nnx.Intermediate, "inputs", inputs)
            return super().__call__(inputs)

    def loss(model, batch):
        traces.append(None)
        return network_error(model, batch)

    model = Sowing()
    assert len(lr_find(model, loss, optax.adamw, BATCHES, **BOUNDS).losses) == 20
    assert len(traces) == 1
    assert not jax.tree.leaves(nnx.state(model, nnx.Intermediate))


def test_an_equinox_module_is_searched_by_its_arrays_and_with_a_key_of_its_own_in_every_step():
    model = eqx.nn.Sequential([eqx.nn.MLP(4, "scalar", 16, 1, key=jax.random.key(0)), eqx.nn.Dropout(0.1)])
    before = leaves(eqx.filter(model, eqx.is_array))
    key = jax.random.key(1)

    def loss(model, batch, key):
        inputs, targets = batch
        outputs = jax.vmap(model)(inputs, key=jax.random.split(key, len(inputs)))
        return jnp.mean((outputs - targets) ** 2)

    first = lr_find(loss, model, optax.adamw, BATCHES, key=key, **BOUNDS)
    second = lr_find(eqx.filter_jit(loss), model, optax.adamw, BATCHES, key=key, **BOUNDS)
    np.testing.assert_allclose(second.losses, first.losses, rtol=1e-6)
    assert first.losses[-1] < first.losses[0]
    for left, right in zip(leaves(eqx.filter(model, eqx.is_array)), before, strict=True):
        np.testing.assert_array_equal(left, right)


def test_every_step_has_another_key_and_the_same_search_the_same_ones():
    def loss(params, batch, key):
        return params["bias"] * 0 + jax.random.uniform(key)

    params = {"bias": jnp.array(1.0)}
    first, second = (
        lr_find(loss, params, optax.sgd, BATCHES, key=jax.random.key(3), stop_div=False, **BOUNDS) for _ in range(2)
    )
    assert len(set(first.losses)) == 20
    np.testing.assert_array_equal(second.losses, first.losses)


SINGLE, HALF = jnp.float32, jnp.bfloat16
FACTORIES = {
    "adamw": (optax.adamw, SINGLE),
    "adamw in bfloat16": (optax.adamw, HALF),
    "injected": (optax.inject_hyperparams(optax.adamw), SINGLE),
    "clipped": (lambda lr: optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(lr, momentum=0.9)), SINGLE),
    "reacts to a plateau": (lambda lr: optax.chain(optax.adam(lr), optax.contrib.reduce_on_plateau()), SINGLE),
    "by layer": (
        lambda lr: optax.multi_transform({"a": optax.adam(lr), "b": optax.sgd(lr)}, {"hidden": "a", "output": "b"}),
        SINGLE,
    ),
    "schedule-free": (lambda lr: optax.contrib.schedule_free(optax.sgd(lr), lr), SINGLE),
    "masked": (lambda lr: optax.adamw(lr, mask={"hidden": True, "output": False}), SINGLE),
}


@pytest.mark.parametrize(("make_optimizer", "dtype"), FACTORIES.values(), ids=FACTORIES)
def test_the_whole_search_is_traced_once(make_optimizer, dtype):
    traces = []

    def loss(params, batch):
        traces.append(None)
        return squared_error(params, batch).astype(dtype)

    result = lr_find(loss, new_params(dtype), make_optimizer, BATCHES)
    assert result.steps_taken > 40  # two ramps
    assert len(traces) == 1


def test_sam_gets_the_gradient_from_where_its_first_step_leads():
    def sam(lr):
        return optax.contrib.sam(optax.sgd(lr), optax.sgd(0.0), opaque_mode=True)

    plain, found = (lr_find(squared_error, new_params(), make, BATCHES, **BOUNDS) for make in (optax.sgd, sam))
    np.testing.assert_allclose(found.losses, plain.losses, rtol=1e-5)


def test_a_rate_kept_in_the_optimizer_state_follows_the_search():
    plain = lr_find(squared_error, new_params(), optax.sgd, BATCHES, **BOUNDS)
    injected = lr_find(squared_error, new_params(), optax.inject_hyperparams(optax.sgd), BATCHES, **BOUNDS)
    np.testing.assert_allclose(injected.losses, plain.losses, rtol=1e-5)


@pytest.mark.parametrize(
    ("make_optimizer", "momentum"),
    [
        (optax.sgd, 0.0),
        (lambda lr: optax.chain(optax.clip_by_global_norm(1.0), optax.rmsprop(lr)), 0.0),
        (optax.inject_hyperparams(optax.sgd), 0.0),
        (lambda lr: optax.MultiSteps(optax.sgd(lr), 2), 0.0),
        (lambda lr: optax.sgd(lr, momentum=0.9), None),
        (lambda lr: optax.MultiSteps(optax.adamw(lr), 2), None),
        (optax.inject_hyperparams(optax.lion), None),
    ],
)
def test_the_curve_tells_of_an_optimizer_without_momentum(make_optimizer, momentum):
    assert lr_find(squared_error, new_params(), make_optimizer, BATCHES, **BOUNDS).curve.momentum == momentum


@pytest.mark.parametrize(
    "wrap",
    [
        lambda multi: multi,
        lambda multi: multi.gradient_transformation(),
        lambda multi: optax.chain(optax.identity(), multi.gradient_transformation()),
    ],
    ids=["itself", "as a transformation", "in a chain"],
)
def test_accumulated_batches_are_one_step_with_their_mean_loss(wrap):
    halves = [(inputs[i : i + 4], targets[i : i + 4]) for inputs, targets in BATCHES for i in (0, 4)]
    accumulated = lr_find(
        squared_error, new_params(), lambda lr: wrap(optax.MultiSteps(optax.sgd(lr), 2)), halves, **BOUNDS
    )
    plain = lr_find(squared_error, new_params(), optax.sgd, BATCHES, **BOUNDS)
    assert len(accumulated.losses) == 20
    np.testing.assert_allclose(accumulated.losses, plain.losses, rtol=1e-4)


def test_a_loss_may_return_more_than_the_loss():
    def with_outputs(params, batch):
        return squared_error(params, batch), predict(params, batch[0])

    plain = lr_find(squared_error, new_params(), optax.sgd, BATCHES, **BOUNDS)
    np.testing.assert_allclose(
        lr_find(with_outputs, new_params(), optax.sgd, BATCHES, **BOUNDS).losses, plain.losses, rtol=1e-6
    )


def test_a_loader_of_torch_gives_the_curve_of_its_numbers():
    samples = TensorDataset(torch.tensor(INPUTS), torch.tensor(TARGETS))
    of_tensors = lr_find(squared_error, new_params(), optax.adamw, DataLoader(samples, 8), **BOUNDS)
    plain = lr_find(squared_error, new_params(), optax.adamw, BATCHES, **BOUNDS)
    np.testing.assert_array_equal(of_tensors.losses, plain.losses)


class Loader:
    """Shuffled batches, with a generator and a counter of its own."""

    def __init__(self):
        self.generator, self.epoch = np.random.default_rng(5), 0

    def __iter__(self):
        self.epoch += 1
        for index in self.generator.permutation(len(BATCHES)):
            yield BATCHES[index]


def test_a_loader_is_put_back_to_the_order_that_it_would_have_given():
    searched, alone = Loader(), Loader()
    lr_find(squared_error, new_params(), optax.adamw, searched)
    assert searched.epoch == 0
    for left, right in zip(searched, alone, strict=True):
        assert left is right


def test_batches_that_can_not_start_over_end_the_search():
    result = lr_find(squared_error, new_params(), optax.adamw, iter(BATCHES), start_lr=1e-4, end_lr=0.1)
    assert result.stop_reason is StopReason.DATA_ENDED
    assert len(result.losses) == len(BATCHES)


def donated_params():
    params = new_params()
    jax.jit(lambda params: jax.tree.map(lambda leaf: leaf + 1, params), donate_argnums=0)(params)
    return params


REFUSED = {
    "a training state": (
        {"params": SimpleNamespace(params=jnp.zeros(2), opt_state=())},
        TypeError,
        "got SimpleNamespace, which has an optimizer too: state.params",
    ),
    "an optimizer": ({"make_optimizer": optax.adam(1e-3)}, TypeError, "make_optimizer must be a function"),
    "no optimizer": ({"make_optimizer": lambda lr: None}, TypeError, "make_optimizer must return an Optax"),
    "a fixed rate": ({"make_optimizer": lambda lr: optax.adam(1e-3)}, ValueError, "must use the rate"),
    "a schedule": (
        {"make_optimizer": lambda lr: optax.adam(optax.cosine_decay_schedule(lr, 100))},
        ValueError,
        "made a schedule",
    ),
    "a schedule with a warm-up": (
        {"make_optimizer": lambda lr: optax.adam(optax.warmup_cosine_decay_schedule(0.0, lr, 10, 100))},
        ValueError,
        r"made a schedule; leave the schedule out for the search: lambda lr: optax.adamw\(lr\)",
    ),
    "an optimizer without a rate": (
        {"make_optimizer": lambda lr: optax.contrib.cocob()},
        ValueError,
        "finds its own step size has no rate to find",
    ),
    "texts in the batches": (
        {"batches": [(INPUTS, TARGETS, ["a"] * 64)]},
        TypeError,
        "batches must hold arrays and numbers, got str",
    ),
    "an array of texts": ({"batches": [np.array(["a"])]}, TypeError, "got an array of <U1"),
    "no loss": ({"loss": lambda params, batch: None}, TypeError, "loss must return a scalar, .* got NoneType"),
    "a dictionary of losses": ({"loss": lambda params, batch: {"a": 1.0}}, TypeError, "a scalar, .* got dict"),
    "an injected schedule": (
        {"make_optimizer": lambda lr: optax.inject_hyperparams(optax.adam)(optax.cosine_decay_schedule(lr, 100))},
        ValueError,
        "made a schedule",
    ),
    "a rate that is looked at": (
        {"make_optimizer": lambda lr: optax.adam(lr if lr > 0 else 1e-3)},
        TypeError,
        "must not look at the value",
    ),
    "weight decay": ({"wd": 0.1}, ValueError, "wd must be None"),
    "no arrays": ({"params": {"step": 3, "name": "x"}}, ValueError, "params must hold at least one array"),
    "donated arrays": ({"params": donated_params()}, ValueError, "params must hold live arrays"),
    "one batch": ({"batches": 3}, TypeError, "batches must be iterable"),
    "no batches": ({"batches": []}, ValueError, "batches must yield at least one batch"),
    "a loss per sample": (
        {"loss": lambda params, batch: predict(params, batch[0])},
        ValueError,
        "loss must return a scalar",
    ),
    "two rates": ({"start_lr": [1e-3, 1e-4]}, ValueError, "one rate per parameter group"),
}


@pytest.mark.parametrize(("changes", "error", "text"), REFUSED.values(), ids=REFUSED)
def test_what_can_not_work_is_refused_by_name(changes, error, text):
    arguments = {"params": new_params(), "make_optimizer": optax.adamw, "batches": BATCHES}
    loss = changes.get("loss", squared_error)
    with pytest.raises(error, match=text) as raised:
        lr_find(loss, **(arguments | {name: value for name, value in changes.items() if name != "loss"}))
    assert len(str(raised.value)) < 250


def test_an_error_of_jax_does_not_print_the_parameters():
    def failing(params, batch):
        return batch[0] @ params["output"]

    with pytest.raises(TypeError) as raised:
        lr_find(failing, new_params(), optax.adamw, [(INPUTS, TARGETS)])
    assert "Array(" not in repr(JaxTraining(failing, new_params(), None, optax.adamw, [], lambda *_: None))
    assert len(str(raised.value)) < 250


def test_an_nnx_model_without_parameters_is_refused():
    with pytest.raises(ValueError, match="model must have variables to train"):
        lr_find(nnx.Dropout(0.1), network_error, optax.adamw, BATCHES)
    with pytest.raises(TypeError, match="loss must be a function"):
        lr_find(Network(), optax.adamw(1e-3), network_error, BATCHES)


SHARDED = """
import sys
import jax, numpy as np, optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from lr_finder import lr_find

mesh = Mesh(np.array(jax.devices()).reshape(4), ("devices",))
over_devices = NamedSharding(mesh, PartitionSpec("devices"))
inputs = np.random.default_rng(0).normal(size=(32, 8)).astype(np.float32)
weights = np.ones((8, 8), np.float32)
traced = []

def loss(weights, inputs):
    traced.append(weights)
    return (((inputs @ weights) - 1) ** 2).mean()

sharded = jax.device_put(weights, over_devices)
batches = [jax.device_put(inputs, over_devices)]
bounds = {"start_lr": 1e-3, "end_lr": 1.0, "num_it": 20}
result = lr_find(loss, sharded, optax.adamw, batches, **bounds)
assert len(jax.devices()) == 4
assert len(traced) == 1
assert sharded.sharding == over_devices
np.testing.assert_array_equal(sharded, weights)
np.testing.assert_allclose(result.losses, lr_find(loss, weights, optax.adamw, [inputs], **bounds).losses, rtol=1e-4)

traced.clear()
lr_find(loss, jax.numpy.array(weights), optax.adamw, batches, **bounds)
assert len(traced) == 1, "only the data are sharded"

mapped = jax.pmap(lambda x: x + 1)(weights[:4])
lr_find(lambda weights, batch: (weights**2).mean(), mapped, optax.adamw, batches, **bounds)
np.testing.assert_array_equal(jax.pmap(lambda x: x - 1)(mapped), weights[:4])
assert "torch" not in sys.modules
"""


def test_sharded_arrays_stay_sharded_and_give_the_same_curve_in_one_trace():
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    done = subprocess.run([sys.executable, "-c", SHARDED], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("optimizer", "name"),
    [
        (optax.adamw(1e-3), "Adam"),
        (optax.chain(optax.clip(1.0), optax.rmsprop(1e-3)), "Rms"),
        (optax.MultiSteps(optax.lion(1e-3), 2), "Lion"),
        (optax.inject_hyperparams(optax.adam)(learning_rate=1e-3), "Adam"),
        (optax.sgd(optax.cosine_decay_schedule(0.1, 100), momentum=0.9), "SGD"),
        (optax.sgd(0.1), None),
    ],
)
def test_an_optimizer_is_known_by_its_state(optimizer, name):
    assert known_name(optimizer.init({"weight": jnp.ones((3, 3))})) == name
