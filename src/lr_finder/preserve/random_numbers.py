"""Random generators: the global ones of Python, NumPy and torch, and any that is handed in or found."""

import random
import sys

import numpy as np

from lr_finder.preserve.snapshot import Snapshot, save


def save_global_generators(snapshot: Snapshot) -> None:
    """Saves the generators that everyone shares; those of torch where it is in use."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    snapshot.on_restore(lambda: random.setstate(python_state))
    snapshot.on_restore(lambda: np.random.set_state(numpy_state))
    if torch := sys.modules.get("torch"):
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


@save.register
def _save_python(generator: random.Random, snapshot: Snapshot) -> None:
    state = generator.getstate()
    snapshot.on_restore(lambda: generator.setstate(state))


@save.register
def _save_numpy(generator: np.random.Generator, snapshot: Snapshot) -> None:
    state = generator.bit_generator.state

    def restore() -> None:
        generator.bit_generator.state = state

    snapshot.on_restore(restore)


@save.register
def _save_numpy_legacy(generator: np.random.RandomState, snapshot: Snapshot) -> None:
    state = generator.get_state()
    snapshot.on_restore(lambda: generator.set_state(state))
