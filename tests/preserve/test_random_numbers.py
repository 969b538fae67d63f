"""Random generators: those that everyone shares, and those that are handed in."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lr_finder.preserve import preserve

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


class Accelerators:
    """Stands in for devices that few machines have, each with one number as its generator's state."""

    def __init__(self):
        self.states = {"cuda": 1, "mps": 2, "xpu": 3}

    def module(self, name):
        return SimpleNamespace(
            is_available=lambda: True,
            is_initialized=lambda: True,
            get_rng_state=lambda: self.states[name],
            set_rng_state=lambda state: self.states.update({name: state}),
            get_rng_state_all=lambda: [self.states[name]],
            set_rng_state_all=lambda states: self.states.update({name: states[0]}),
        )


@pytest.mark.parametrize("device", ["cuda", "mps", "xpu"])
def test_the_generators_of_accelerators_come_back(device, monkeypatch):
    accelerators = Accelerators()
    for name in accelerators.states:
        monkeypatch.setattr(torch, name, accelerators.module(name))
    monkeypatch.setattr(torch.backends, "mps", accelerators.module("mps"))
    before = accelerators.states[device]
    with preserve():
        accelerators.states[device] = 99
    assert accelerators.states[device] == before
