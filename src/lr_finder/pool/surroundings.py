"""What a training draws from outside itself, to be the same in another process: random numbers, and threads."""

import random
import secrets
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np


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
        cpu: The state of the generator on the CPU, as bytes.
        cuda: That on each GPU, where they were used.
    """

    threads: int
    cpu: bytes
    cuda: tuple[bytes, ...]

    @classmethod
    def of(cls, torch: Any) -> "TorchSurroundings":
        """That of this process."""
        uses_cuda = torch.cuda.is_available() and torch.cuda.is_initialized()
        cuda = torch.cuda.get_rng_state_all() if uses_cuda else ()
        return cls(torch.get_num_threads(), _as_bytes(torch.get_rng_state()), tuple(map(_as_bytes, cuda)))

    def take_on(self, torch: Any) -> None:
        """Makes it that of this process."""
        torch.set_num_threads(self.threads)
        torch.set_rng_state(_as_tensor(torch, self.cpu))
        if self.cuda and torch.cuda.is_available():
            for device, state in zip(range(torch.cuda.device_count()), self.cuda, strict=False):
                torch.cuda.set_rng_state(_as_tensor(torch, state), device)


def _as_bytes(state: Any) -> bytes:
    return state.numpy().tobytes()


def _as_tensor(torch: Any, state: bytes) -> Any:
    return torch.frombuffer(bytearray(state), dtype=torch.uint8)
