"""What a training draws from outside itself, to be the same in another process: random numbers, and threads."""

import random
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Surroundings:
    """The state of the global random generators, and how many threads torch computes with.

    The result of a sum depends on how many threads share it.

    Args:
        python: That of Python's generator.
        numpy: That of NumPy's.
        torch: Those of torch, where it is in use.
    """

    python: Any
    numpy: Any
    torch: "TorchSurroundings | None"

    @classmethod
    def here(cls) -> "Surroundings":
        """Those of this process."""
        torch = sys.modules.get("torch")
        return cls(
            random.getstate(), np.random.get_state(legacy=False), None if torch is None else TorchSurroundings.of(torch)
        )

    def take_on(self) -> None:
        """Makes them those of this process."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        if self.torch is not None:
            self.torch.take_on()


@dataclass(frozen=True)
class TorchSurroundings:
    """Those of torch.

    Args:
        threads: How many compute one operation.
        seed: What accelerators that were not used yet begin with.
        cpu: The state of the generator on the CPU, as bytes.
        cuda: That on each GPU, where they were used.
    """

    threads: int
    seed: int
    cpu: bytes
    cuda: tuple[bytes, ...]

    @classmethod
    def of(cls, torch: Any) -> "TorchSurroundings":
        """Those of this process."""
        uses_cuda = torch.cuda.is_available() and torch.cuda.is_initialized()
        cuda = torch.cuda.get_rng_state_all() if uses_cuda else ()
        return cls(
            torch.get_num_threads(), torch.initial_seed(), _as_bytes(torch.get_rng_state()), tuple(map(_as_bytes, cuda))
        )

    def take_on(self) -> None:
        """Makes them those of this process."""
        import torch

        torch.set_num_threads(self.threads)
        torch.manual_seed(self.seed)
        torch.set_rng_state(_as_tensor(torch, self.cpu))
        if self.cuda and torch.cuda.is_available():
            for device, state in zip(range(torch.cuda.device_count()), self.cuda, strict=False):
                torch.cuda.set_rng_state(_as_tensor(torch, state), device)


def _as_bytes(state: Any) -> bytes:
    return state.numpy().tobytes()


def _as_tensor(torch: Any, state: bytes) -> Any:
    return torch.frombuffer(bytearray(state), dtype=torch.uint8)
