"""Every way to run a range test gives the same rates, losses and stop as the closed form, and disturbs nothing.

A new integration is one more row in `WAYS`; its way lives in tests/ways/.
"""

from importlib import import_module

import numpy as np
import pytest

from lr_finder import StopReason, Sweep
from quadratic import known_losses, known_reference_stop, known_stop

# Where each way is, and the rule by which it stops. Imported by the test alone: a framework that is missing fails its
# own rows and no others.
WAYS = {
    "plain": ("ways.plain_torch.plain", known_stop),
    "step function": ("ways.plain_torch.step_function", known_stop),
    "hand-written loop": ("ways.plain_torch.hand_written", known_stop),
    "reference learner": ("ways.learner.reference_learner", known_reference_stop),
    "Optax": ("ways.optax.optax_params", known_stop),
    "Flax NNX": ("ways.optax.flax_nnx", known_stop),
    "Lightning": ("ways.lightning.lightning", known_stop),
    "Hugging Face": ("ways.transformers.transformers", known_stop),
    "Accelerate": ("ways.accelerate.accelerate", known_stop),
    "Accelerate, step function": ("ways.accelerate.accelerate_step", known_stop),
    "Keras": ("ways.keras.fitted", known_stop),
    "skorch": ("ways.skorch.fitted", known_stop),
    "Ignite": ("ways.ignite.process_function", known_stop),
    "fastai": ("ways.fastai.learner", known_stop),
}

pytestmark = pytest.mark.parametrize(("way", "stop_of"), WAYS.values(), ids=WAYS, indirect=["way"])


@pytest.fixture
def way(request):
    """The function that makes a range test in this way."""
    module, name = request.param.rsplit(".", 1)
    return getattr(import_module(module), name)


@pytest.fixture(autouse=True)
def no_file_is_written(tmp_path, monkeypatch):
    """Frameworks write into the current folder where they are given no other."""
    folder = tmp_path / "current"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield
    assert not list(folder.iterdir())


def no_fault():
    """The factor on the loss of a training in which nothing goes wrong."""
    return 1.0


def infinite():
    """The factor that makes every loss infinite."""
    return float("inf")


class Raising:
    """Raises an error at the seventh step."""

    def __init__(self, error):
        self.error, self.calls = error, 0

    def __call__(self):
        self.calls += 1
        if self.calls == 7:
            raise self.error
        return 1.0


def test_rates_and_losses_are_those_of_the_closed_form(way, stop_of):
    done = way(no_fault, start_lr=1e-4, end_lr=0.4, num_it=30, stop_div=False)
    lrs = 1e-4 * (0.4 / 1e-4) ** (np.arange(30) / 29)
    np.testing.assert_allclose(done.result.lrs, lrs, rtol=done.rounding)
    np.testing.assert_allclose(done.result.lrs[[0, -1]], [1e-4, 0.4], rtol=0 if done.rounding < 1e-9 else done.rounding)
    np.testing.assert_allclose(done.result.losses, known_losses(lrs), rtol=100 * done.rounding)
    assert done.result.stop_reason is StopReason.COMPLETED
    assert done.result.steps_taken == 30
    done.check_untouched()


def test_the_curve_tells_that_the_optimizer_has_no_momentum(way, stop_of, request):
    done = way(no_fault, start_lr=1e-4, end_lr=0.4, num_it=30)
    knows_no_optimizer = request.node.callspec.id == "hand-written loop"
    assert done.result.curve.momentum == (None if knows_no_optimizer else 0)


def test_the_curve_tells_which_optimizer_was_trained(way, stop_of, request):
    done = way(no_fault, start_lr=1e-4, end_lr=0.4, num_it=10)
    if request.node.callspec.id == "hand-written loop":
        assert done.result.curve.training is None
    else:
        assert done.result.curve.training.optimizer.lower() == "sgd"


def test_it_stops_at_the_step_at_which_the_rule_stops_on_the_closed_form(way, stop_of):
    done = way(no_fault, start_lr=1e-3, end_lr=10, num_it=60)
    stop = stop_of(known_losses(np.geomspace(1e-3, 10, 60)))
    assert stop is not None
    assert len(done.result.lrs) == stop < 60
    assert done.result.stop_reason is StopReason.DIVERGED
    done.check_untouched()


def test_without_stop_div_it_goes_on_through_divergence(way, stop_of):
    done = way(no_fault, start_lr=1e-3, end_lr=1e3, num_it=300, stop_div=False)
    assert len(done.result.lrs) == 300
    assert not np.isfinite(done.result.losses[-1])
    done.check_untouched()


def test_an_infinite_loss_stops_it(way, stop_of):
    done = way(infinite, start_lr=1e-3, end_lr=1, num_it=20)
    assert done.result.stop_reason is StopReason.NOT_FINITE
    assert len(done.result.lrs) == 1
    done.check_untouched()


@pytest.mark.parametrize("error", [ArithmeticError("in a step"), KeyboardInterrupt()], ids=["raises", "Ctrl-C"])
def test_everything_is_put_back_when_a_step(way, stop_of, error):
    done = way(Raising(error), start_lr=1e-3, end_lr=10, num_it=60)
    assert done.error is error
    done.check_untouched()


def test_where_there_is_one_rate_a_search_by_group_is_refused_after_one_step(way, stop_of, request):
    if request.node.callspec.id in ("hand-written loop", "reference learner"):
        pytest.skip("one plain ramp: no search that could be by group")
    with pytest.raises(ValueError, match="by_group=True needs parameter groups that differ in their rates") as caught:
        way(no_fault, by_group=True)
    assert caught.value.partial_result.steps_taken == 1


def test_warm_ups_climb_to_the_suggestion_from_the_same_start(way, stop_of, request):
    if request.node.callspec.id in ("hand-written loop", "reference learner"):
        pytest.skip("one plain ramp: nothing there to ask for warm-ups")
    done = way(no_fault, start_lr=1e-3, end_lr=10, num_it=60, warmup=True)
    warmup = done.result.warmup
    assert warmup.peak == done.result.suggestion.lr
    assert done.result.steps_taken == len(done.result.lrs) + warmup.losses.size
    for steps, losses in zip(warmup.tried, warmup.losses, strict=True):
        lrs = Sweep.warm_up(warmup.peak, steps, len(losses)).lrs
        np.testing.assert_allclose(losses, known_losses(lrs), rtol=100 * done.rounding, atol=1e-30)
    done.check_untouched()


def test_probes_train_at_their_rates_from_the_same_start(way, stop_of, request):
    if request.node.callspec.id in ("hand-written loop", "reference learner"):
        pytest.skip("one plain ramp: nothing there to ask for probes")
    losses = iter([0.0, 20.0, 10.0, -1.0])  # before any training, then after each

    def validate(*trained):
        return next(losses)

    done = way(no_fault, start_lr=1e-3, end_lr=10, num_it=60, probes=3, probe_steps=12, budget=37, validate=validate)
    assert [(probe.validation_loss, probe.fall, probe.rank) for probe in done.result.probes] == [
        (-1.0, 1.0, 1), (10.0, -10.0, 2), (20.0, -20.0, 3)
    ]  # fmt: skip
    for probe in done.result.probes:
        np.testing.assert_allclose(probe.losses, known_losses(np.full(12, probe.lr)), rtol=100 * done.rounding)
    assert done.result.probes[0].lr == max(probe.lr for probe in done.result.probes)
    assert done.result.suggestion.rule == "probes"
    assert done.result.steps_taken == len(done.result.lrs) + 37
    done.check_untouched()
