"""What a training draws from outside itself, to be the same in another process: random numbers, and threads."""

import random
import secrets
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from lr_finder.preserve.random_numbers import set_states_of_torch, states_of_torch


@dataclass(frozen=True)
class Surroundings:
    """The state of the global random generators, and how many threads torch computes with.

    The result of a sum depends on how many threads share it.

    Args:
        python: That of Python's generator.
        numpy: That of NumPy's.
        seed: That of torch, on all devices that were not used yet.
        torch: What else torch has, where it is in use.
    """

    python: Any
    numpy: Any
    seed: int
    torch: "TorchSurroundings | None"

    @classmethod
    def here(cls) -> "Surroundings":
        """Those of this process; a seed for torch that is not there yet, since each process would draw its own."""
        torch = sys.modules.get("torch")
        return cls(
            python=random.getstate(),
            numpy=np.random.get_state(legacy=False),
            seed=secrets.randbits(63) if torch is None else torch.initial_seed(),
            torch=None if torch is None else TorchSurroundings.of(torch),
        )

    def take_on(self) -> None:
        """Makes them those of this process."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        if find_spec("torch") is not None:
            import torch

            torch.manual_seed(self.seed)
            if self.torch is not None:
                self.torch.take_on(torch)


@dataclass(frozen=True)
class TorchSurroundings:
    """What torch has.

    Args:
        threads: How many compute one operation.
        generators: The states of its own generators, as bytes.
    """

    threads: int
    generators: tuple[bytes, ...]

    @classmethod
    def of(cls, torch: Any) -> "TorchSurroundings":
        """That of this process."""
        states = (state.numpy().tobytes() for state in states_of_torch(torch))
        return cls(torch.get_num_threads(), tuple(states))

    def take_on(self, torch: Any) -> None:
        """Makes it that of this process."""
        torch.set_num_threads(self.threads)
        states = [torch.frombuffer(bytearray(state), dtype=torch.uint8) for state in self.generators]
        set_states_of_torch(torch, states)
