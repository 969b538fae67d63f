"""Random generators: the global ones of Python, NumPy and torch, and any that is handed in or found."""

import random
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from lr_finder.preserve.snapshot import Snapshot, save


def save_global_generators(snapshot: Snapshot) -> None:
    """Saves the generators that everyone shares; those of torch where it is in use."""
    python_state, numpy_state = random.getstate(), np.random.get_state(legacy=False)
    snapshot.on_restore(lambda: random.setstate(python_state))
    snapshot.on_restore(lambda: np.random.set_state(numpy_state))
    if torch := sys.modules.get("torch"):
        torch_states = states_of_torch(torch)
        snapshot.on_restore(lambda: set_states_of_torch(torch, torch_states))


def states_of_torch(torch: Any) -> list[Any]:
    """Those of torch's own generators: of the CPU, and of each device of the accelerator where that is in use."""
    states = [torch.get_rng_state()]
    accelerator = _accelerator(torch)
    # Asking one for its state would begin to use it. MPS does not tell whether it is in use, and has nothing to begin.
    if accelerator is not None and getattr(accelerator, "is_initialized", accelerator.device_count)():
        states += [accelerator.get_rng_state(device) for device in range(accelerator.device_count())]
    return states


def set_states_of_torch(torch: Any, states: Sequence[Any]) -> None:
    """Makes them those of torch's own generators; the state of a device that is not here is left out."""
    of_cpu, *of_devices = states
    torch.set_rng_state(of_cpu)
    if (accelerator := _accelerator(torch)) is not None:
        for device, state in zip(range(accelerator.device_count()), of_devices, strict=False):
            accelerator.set_rng_state(state, device)


def _accelerator(torch: Any) -> Any:
    """The module for it, such as `torch.cuda`; None where there is none."""
    if not torch.accelerator.is_available():
        return None
    return torch.get_device_module(torch.accelerator.current_accelerator())


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
