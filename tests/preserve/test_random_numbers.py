"""Random generators: those that everyone shares, and those that are handed in."""

import random

import numpy as np
import pytest
import torch

from lr_finder.preserve import preserve
from lr_finder.preserve.random_numbers import set_states_of_torch, states_of_torch

GLOBAL = {
    "Python": random.random,
    "NumPy": lambda: np.random.normal(),  # one of a pair: the other is kept for the next call
    "torch": lambda: torch.rand(()).item(),
}
OWN = {
    "Python": (random.Random(1), lambda generator: generator.gauss(0, 1)),
    "NumPy": (np.random.default_rng(1), lambda generator: generator.normal()),
    "NumPy bits": (np.random.PCG64(1), lambda generator: generator.random_raw()),
    "NumPy legacy": (np.random.RandomState(1), lambda generator: generator.normal()),
    "torch": (torch.Generator().manual_seed(1), lambda generator: torch.rand((), generator=generator).item()),
}


@pytest.mark.parametrize("draw", GLOBAL.values(), ids=GLOBAL)
def test_a_global_generator_draws_the_same_number_again(draw):
    with preserve():
        first = draw()
    assert draw() == first


@pytest.mark.parametrize(("generator", "draw"), OWN.values(), ids=OWN)
def test_a_generator_that_is_handed_in_draws_the_same_number_again(generator, draw):
    draw(generator)
    with preserve(generator):
        first = draw(generator)
    assert draw(generator) == first


def test_the_operating_systems_generator_has_nothing_to_put_back():
    with preserve(random.SystemRandom()) as snapshot:
        assert snapshot.nbytes == 0


class TwoDevices:
    """Stands in for an accelerator, each of whose devices has one number as its generator's state."""

    def __init__(self, **further):
        self.states = [torch.tensor([1], dtype=torch.uint8), torch.tensor([2], dtype=torch.uint8)]
        vars(self).update(further)

    def device_count(self):
        return len(self.states)

    def get_rng_state(self, device):
        return self.states[device]

    def set_rng_state(self, state, device):
        self.states[device] = state


@pytest.fixture
def stand_in(monkeypatch):
    def with_accelerator(accelerator):
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("xpu"))
        monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
        monkeypatch.setattr(torch, "get_device_module", lambda device: accelerator)
        return accelerator

    return with_accelerator


@pytest.mark.parametrize("further", [{"is_initialized": lambda: True}, {}], ids=["as CUDA", "as MPS"])
def test_the_generators_of_an_accelerator_come_back(stand_in, further):
    """Those of one that has kernels: `tests/accelerator`."""
    accelerator = stand_in(TwoDevices(**further))
    with preserve():
        accelerator.states[:] = accelerator.states[::-1]
    assert accelerator.states == [1, 2]


def test_an_accelerator_that_was_not_used_is_not_woken_up(stand_in):
    accelerator = stand_in(TwoDevices(is_initialized=lambda: False, get_rng_state=None))
    with preserve():
        accelerator.states[0] = 3  # as by the first use of it
    assert accelerator.states == [3, 2]


def test_the_state_of_a_device_that_is_not_here_is_left_out(stand_in):
    accelerator = stand_in(TwoDevices())
    states = states_of_torch(torch)
    del accelerator.states[1]
    set_states_of_torch(torch, states)
    assert accelerator.states == [1]
