"""What a step is: the batches since the last one, and whether the optimizer stepped on them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

Read: TypeAlias = Callable[[Sequence[Any]], Sequence[float]]
"""Turns losses, which may be on a device or differ between processes, into numbers, several at once."""


class SharedRead(ABC):
    """A way to read losses that several processes take together, so that none may when one of them fails."""

    @abstractmethod
    def __call__(self, losses: Sequence[Any]) -> Sequence[float]:
        """The losses as numbers, the same in every process."""

    @abstractmethod
    def meet(self) -> None:
        """Waits for the others before something is read out of turn; raises where one of them has left instead."""


MAX_IDLE_BATCHES = 1000
"""A training that has not stepped its optimizer after this many batches is taken to be wrong."""


class Step:
    """Makes one loss of those of an optimizer step.

    Args:
        read: Turns losses into numbers.
        read_every: How many losses may wait to be read. One that may be lost is read after so many batches without a
            step: at the cadence at which the others are, and not before there are as many as the last step had, so
            that accumulating waits for no device and no other process.

    Attributes:
        reads_at_once: Whether losses become numbers as they come, which waits for nothing on a CPU.
    """

    def __init__(self, read: Read, read_every: int):
        self._read = read
        self._read_every = read_every
        self.reads_at_once = read_every == 1 and not isinstance(read, SharedRead)
        self._losses: list[Any] = []
        self._batches = 0
        self._usual_batches = 1

    def add_batch(self, loss: Any) -> None:
        """Takes the loss of a batch; None for a batch that was left out."""
        self._batches += 1
        if self._batches > MAX_IDLE_BATCHES:
            raise RuntimeError(
                f"no optimizer step was taken in {MAX_IDLE_BATCHES} batches: the training never called step() of the "
                "optimizer that it was given with. A step does loss.backward() and optimizer.step(), and returns the "
                "loss; where it steps another optimizer, give that one; or a gradient scaler skipped all of them"
            )
        if loss is not None:
            self._losses.append(self.held(loss))

    def held(self, loss: Any) -> Any:
        """A loss as it can be kept.

        A copy where it waits to be read, because a step may write all its losses into one tensor, as a CUDA graph does;
        one of 32 bits, so that a mean of several is no less exact than of those that are read as they come.
        """
        loss = scalar(loss)
        if self.reads_at_once:
            return self._read([loss])[0]
        if getattr(getattr(loss, "dtype", None), "itemsize", 4) < 4:
            return loss.float() if hasattr(loss, "float") else loss.astype("float32")
        return loss.clone() if hasattr(loss, "clone") else loss

    def end(self, has_stepped: bool) -> Any:
        """The mean loss of the batches, which are then done with; None where they count towards the next step."""
        if not self._losses:
            return None
        loss = self._losses[0] if len(self._losses) == 1 else sum(self._losses) / len(self._losses)
        if not has_stepped and not self._is_lost(loss):
            return None
        if has_stepped:
            self._usual_batches = self._batches
        self._losses, self._batches = [], 0
        return loss

    def _is_lost(self, loss: Any) -> bool:
        """Whether a loss on which the optimizer has not stepped is known to be NaN or infinite."""
        accumulates = self._batches < self._usual_batches
        return not (accumulates or self._batches % self._read_every or math.isfinite(self._read([loss])[0]))


def scalar(loss: Any) -> Any:
    """A loss without the graph and the axes that it may have; it stays on its device.

    Raises:
        ValueError: It has more than one element, or none.
    """
    shape = getattr(loss, "shape", ())
    if shape:
        if math.prod(shape) != 1:
            raise ValueError(f"the loss must be a scalar, got a tensor of shape {tuple(shape)}")
        loss = loss.reshape(()) if hasattr(loss, "reshape") else loss
    return loss.detach() if hasattr(loss, "detach") else loss
