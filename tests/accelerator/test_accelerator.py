"""A search where the training is on an accelerator, whose memory is not the host's: `far.cpp`.

In a process of their own, because torch has one accelerator, and every framework then takes it for the training's.
"""

from collections import defaultdict

import pytest
import torch
from torch.nn import functional as F

from accelerator import far
from accelerator.training import Dropping, make
from lr_finder import lr_find
from lr_finder.learner import DataBunch, Learner
from lr_finder.pool import ProcessPool
from lr_finder.preserve import preserve

EVERY = 8
"""Steps between two readings of the losses."""


@pytest.fixture(autouse=True)
def _plenty_of_memory():
    torch.manual_seed(0)
    far.set_free_memory(2**40)
    far.reset_counts()


def train(model, optimizer, loss_fn, loader, epochs=1):
    """Trains; returns the losses."""
    losses = []
    for _ in range(epochs):
        for inputs, target in loader:
            optimizer.zero_grad()
            loss = loss_fn(model(inputs.to("far")), target.to("far"))
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def what_there_is(model, optimizer):
    """Every number of a training, as the host has it."""
    found = defaultdict(list, model={name: value.cpu() for name, value in model.state_dict().items()})
    for state in optimizer.state.values():
        for name, value in state.items():
            found[name].append(value.cpu() if isinstance(value, torch.Tensor) else value)
    return {**found, "generator": far.get_rng_state(), "host's generator": torch.get_rng_state()}


def assert_same(one, other):
    torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


OPTIMIZERS = {
    "AdamW": torch.optim.AdamW,
    "AdamW, foreach": lambda parameters: torch.optim.AdamW(parameters, foreach=True),
    "AdamW, rate in a tensor": lambda parameters: torch.optim.AdamW(parameters, torch.tensor(1e-3, device="far")),
    "SGD with momentum": lambda parameters: torch.optim.SGD(parameters, 0.1, momentum=0.9),
    "RMSprop": torch.optim.RMSprop,
}


@pytest.mark.parametrize("has_trained", [False, True])
@pytest.mark.parametrize("make_optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_training_after_a_search_is_that_without_one_bit_for_bit(make_optimizer, has_trained):
    def trained(searches):
        torch.manual_seed(0)
        training = make(make_optimizer)
        train(*training, epochs=int(has_trained))
        if searches:
            assert lr_find(*training, progress=False).has_suggestion
        return train(*training), what_there_is(*training[:2])

    assert_same(trained(searches=True), trained(searches=False))


def test_the_dropout_draws_on_the_device():
    """Else the tests above would not tell whether its generator comes back."""
    before = far.get_rng_state()
    train(*make())
    assert not torch.equal(far.get_rng_state(), before)


def test_what_crosses_over_are_the_batches_and_the_losses_several_at_once():
    training = make()
    train(*training)
    far.reset_counts()
    result = lr_find(*training, start_lr=1e-5, end_lr=1e-3, num_it=96, progress=False)
    counts = far.counts()
    assert result.steps_taken == 96
    assert counts["to device"] == 2 * 96  # inputs and targets
    assert counts["to host"] == 96 / EVERY


@pytest.mark.parametrize("width", [8, 64])
def test_the_device_is_waited_for_four_times_however_much_there_is_to_copy(width):
    training = make(width=width)
    train(*training)
    far.reset_counts()
    lr_find(*training, start_lr=1e-5, end_lr=1e-3, num_it=20, progress=False)
    assert far.counts()["waits"] == 4  # before and after the copies, there and back


def crossed(**keywords):
    """How many bytes a block has copied to the host and back, and how many it could change."""
    training = model, optimizer, *_ = make()
    train(*training)
    before = what_there_is(model, optimizer)
    far.reset_counts()
    with preserve(*training, **keywords) as snapshot:
        for parameter in model.parameters():
            parameter.data = torch.zeros_like(parameter)
        optimizer.state.clear()
        Dropping()(torch.ones(3, device="far"))
    counts = far.counts()
    assert_same(what_there_is(model, optimizer), before)
    return counts.get("bytes to host", 0), counts.get("bytes to device", 0), snapshot.nbytes


def test_a_copy_stays_on_the_device_where_it_has_twice_the_room():
    to_host, to_device, nbytes = crossed()
    assert (to_host, to_device) == (0, 0)
    assert nbytes > 0


def test_a_copy_goes_to_the_host_where_the_device_has_no_room(monkeypatch):
    monkeypatch.setattr(far, "mem_get_info", lambda device: (1000, 2**40))
    to_host, to_device, nbytes = crossed()
    assert 0.9 * nbytes < to_host == to_device <= nbytes  # AdamW counts its steps on the host


def test_a_copy_goes_to_the_host_where_what_is_free_can_not_be_had(monkeypatch):
    training = make()
    train(*training)
    before = what_there_is(*training[:2])
    monkeypatch.setattr(far, "mem_get_info", lambda device: (2**40, 2**40))
    far.set_free_memory(6000)  # of what is in pieces, the first ones may fit
    with preserve(*training):
        far.set_free_memory(2**40)
        train(*training)
    assert far.counts()["bytes to host"] > 4000
    assert_same(what_there_is(*training[:2]), before)


def test_a_copy_on_disk_comes_back():
    to_host, to_device, nbytes = crossed(storage="disk")
    assert 0.9 * nbytes < to_host == to_device <= nbytes


def test_memory_that_runs_out_ends_the_search_and_everything_comes_back():
    model, optimizer, _, loader = make()
    train(model, optimizer, F.cross_entropy, loader)
    before = what_there_is(model, optimizer)
    calls = iter(range(1000))

    def loss_fn(output, target):
        if next(calls) == 30:
            torch.empty(2**41, dtype=torch.uint8, device="far")
        return F.cross_entropy(output, target)

    with pytest.raises(torch.OutOfMemoryError, match="far is out of memory") as caught:
        lr_find(model, optimizer, loss_fn, loader, progress=False)
    assert len(caught.value.partial_result.curve) > 0
    assert_same(what_there_is(model, optimizer), before)


def test_a_generator_of_the_device_that_is_handed_in_comes_back():
    generator = torch.Generator(device="far").manual_seed(5)
    model, optimizer, loss_fn, loader = make()
    before = generator.get_state()

    def noisy_loss(output, target):
        return loss_fn(output * torch.empty_like(output).bernoulli_(0.9, generator=generator), target)

    lr_find(model, optimizer, noisy_loss, loader, state=[generator], progress=False)
    assert torch.equal(generator.get_state(), before)
    noisy_loss(torch.ones(2, 4, device="far"), torch.zeros(2, dtype=torch.int64, device="far"))
    assert not torch.equal(generator.get_state(), before)


def test_frozen_weights_that_outweigh_the_rest_are_watched_on_the_device():
    model, _, loss_fn, loader = make(width=600)
    frozen = model[0].weight.requires_grad_(False)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])
    far.reset_counts()
    with preserve(model, optimizer) as snapshot:
        train(model, optimizer, loss_fn, loader)
    assert snapshot.nbytes < frozen.nbytes
    with pytest.raises(RuntimeError, match="a frozen parameter of shape"), preserve(model, optimizer):
        frozen.data[3, 3] += 1


def test_the_learner_trains_and_searches_on_the_device():
    model, _, loss_fn, loader = make()
    learn = Learner(DataBunch(loader, loader, device="far"), model, loss_func=loss_fn)
    before = {name: value.cpu() for name, value in model.state_dict().items()}
    learn.lr_find()
    assert_same({name: value.cpu() for name, value in model.state_dict().items()}, before)
    learn.recorder.plot(suggestion=True)
    learn.fit(1, learn.recorder.min_grad_lr)


def test_workers_draw_the_same_numbers_on_their_devices():
    options = {"start_lr": 1e-3, "end_lr": 1.0, "num_it": 40, "probes": 4, "probe_steps": 16, "progress": False}

    def searched(search):
        torch.manual_seed(7)  # seeds the device's generator too
        train(*make())
        return search(**options)

    side_by_side = searched(lambda **options: lr_find(make, pool=ProcessPool(2), **options))
    assert side_by_side == searched(lambda **options: lr_find(*make(), **options))
