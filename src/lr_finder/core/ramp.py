"""The one seam: `ramp(sweep) -> Curve`, all that a framework has to give."""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from lr_finder.curve.curve import Curve
from lr_finder.curve.sweep import Sweep

Validate: TypeAlias = Callable[..., Any]
"""Gives a validation loss: called without arguments, or where training works on copies with what was trained."""


class ValidatingRamp(Protocol):
    """Trains through a sweep's rates, records one loss per optimizer step, and puts everything back.

    With `validate`, a validation loss is measured after the last step, before anything is put back.
    """

    def __call__(self, sweep: Sweep, validate: Validate | None = None, /) -> Curve:
        """What was measured."""
        ...


Ramp: TypeAlias = ValidatingRamp | Callable[[Sweep], Curve]
"""One that does not validate takes the sweep alone; it serves every search but one with `validate`."""
