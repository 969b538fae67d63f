"""What goes to a worker, and what comes back where it fails: plain data that can be sent."""

import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from lr_finder.curve.sweep import Sweep
from lr_finder.errors import WorkerTracebackError
from lr_finder.pool.surroundings import Surroundings


@dataclass(frozen=True)
class Recipe:
    """All that it takes to make the same training in another process.

    Args:
        make: The user's function, pickled.
        surroundings: Those in which it is called.
        options: What `lr_find` was given beside the training.
    """

    make: bytes
    surroundings: Surroundings
    options: dict[str, Any]


class Order(NamedTuple):
    """A ramp that is asked for.

    Args:
        sweep: Its rates.
        validates: Whether it ends with the user's validation loss.
    """

    sweep: Sweep
    validates: bool

    def __str__(self) -> str:
        start, end = self.sweep.lrs[[0, -1]]
        return f"the training at {start:.3g}" if start == end else f"the ramp from {start:.3g} to {end:.3g}"


def pickled(make: Callable[[], Any]) -> bytes:
    """A function as another process can import it.

    Raises:
        TypeError: It can't.
    """
    try:
        return pickle.dumps(make)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            f"make must be a function at the top level of a file, which other processes can import: {error}"
        ) from None


def loaded(make: bytes) -> Callable[[], Any]:
    """The function again.

    Raises:
        TypeError: It can't be imported here.
    """
    try:
        return pickle.loads(make)
    except (AttributeError, ImportError) as error:
        raise TypeError(
            f"make must be a function that other processes can import: {error}. Move it into a file, train.py, and "
            "take it from there: from train import make"
        ) from error


@dataclass(frozen=True)
class Failure:
    """What was raised in a worker, as it can be sent.

    Args:
        error: The exception, pickled.
        trace: Its traceback, as text.
        module: That of the line that raised it.
    """

    error: bytes
    trace: str
    module: str

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """What was raised; by its name and text where it can't be pickled."""
        try:
            pickled = pickle.dumps(error)
        except Exception:  # noqa: BLE001 - whatever the user's exception holds
            pickled = b""
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        return cls(pickled, "".join(traceback.format_exception(error)), frame.f_globals.get("__name__", ""))

    def again(self) -> BaseException:
        """The exception, to be raised here, with the traceback that it had there as its cause."""
        try:
            error = pickle.loads(self.error)
        except Exception:  # noqa: BLE001 - one that takes other arguments than it keeps, or is known there alone
            error = RuntimeError(self.trace.rstrip().splitlines()[-1])
        error.__cause__ = WorkerTracebackError(self.trace, self.module)
        return error
