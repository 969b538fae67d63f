"""Random generators: the global ones of Python, NumPy and torch, and any that is handed in or found."""

import random
import sys
from typing import Any

import numpy as np

from lr_finder.preserve.snapshot import Snapshot, save


def save_global_generators(snapshot: Snapshot) -> None:
    """Saves the generators that everyone shares; those of torch where it is in use."""
    python_state, numpy_state = random.getstate(), np.random.get_state(legacy=False)
    snapshot.on_restore(lambda: random.setstate(python_state))
    snapshot.on_restore(lambda: np.random.set_state(numpy_state))
    if torch := sys.modules.get("torch"):
        _save_torch(torch, snapshot)


def is_generator(thing: Any) -> bool:
    """Whether a thing draws random numbers, by the looks of it: Python's, NumPy's and torch's generators do."""
    names = (("getstate", "setstate"), ("get_state", "set_state"), ("bit_generator", "random"))
    return any(hasattr(thing, one) and hasattr(thing, other) for one, other in names)


@save.register
def _save_python(generator: random.Random, snapshot: Snapshot) -> None:
    state = generator.getstate()
    snapshot.on_restore(lambda: generator.setstate(state))


@save.register
def _save_system(generator: random.SystemRandom, snapshot: Snapshot) -> None:
    """Nothing to save: the numbers come from the operating system."""


@save.register
def _save_numpy(generator: np.random.Generator, snapshot: Snapshot) -> None:
    snapshot.add(generator.bit_generator)


@save.register
def _save_numpy_bits(generator: np.random.BitGenerator, snapshot: Snapshot) -> None:
    state = generator.state

    def restore() -> None:
        generator.state = state

    snapshot.on_restore(restore)


@save.register
def _save_numpy_legacy(generator: np.random.RandomState, snapshot: Snapshot) -> None:
    state = generator.get_state(legacy=False)
    snapshot.on_restore(lambda: generator.set_state(state))


def _save_torch(torch: Any, snapshot: Snapshot) -> None:
    cpu_state = torch.get_rng_state()
    snapshot.on_restore(lambda: torch.set_rng_state(cpu_state))
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        cuda_states = torch.cuda.get_rng_state_all()
        snapshot.on_restore(lambda: torch.cuda.set_rng_state_all(cuda_states))
    if torch.backends.mps.is_available():
        mps_state = torch.mps.get_rng_state()
        snapshot.on_restore(lambda: torch.mps.set_rng_state(mps_state))
    if hasattr(torch, "xpu") and torch.xpu.is_available() and torch.xpu.is_initialized():
        xpu_states = torch.xpu.get_rng_state_all()
        snapshot.on_restore(lambda: torch.xpu.set_rng_state_all(xpu_states))
