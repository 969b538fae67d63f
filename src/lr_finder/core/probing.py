"""What is to be tried in short trainings: how many rates, for how many steps, judged by what."""

from dataclasses import dataclass

import numpy as np

from lr_finder.core.ramp import Validate
from lr_finder.curve.thresholds import MIN_PROBE_STEPS, PROBE_STEPS


@dataclass(frozen=True)
class Probing:
    """What is to be tried.

    Args:
        count: How many rates; at least 2.
        steps: Steps of each training.
        budget: The most steps that all may take together; the trainings are shortened to keep to it.
        validate: Measures a validation loss after each training; without, the training loss judges.
        wd: Weight decay meanwhile.

    Raises:
        ValueError: A number is out of range, or the budget is too small for any probes.
        TypeError: An argument is of the wrong kind.
    """

    count: int
    steps: int = PROBE_STEPS
    budget: int | None = None
    validate: Validate | None = None
    wd: float | None = None

    def __post_init__(self):
        for name, value, least in (
            ("probes", self.count, 2),
            ("probe_steps", self.steps, MIN_PROBE_STEPS),
            ("budget", 0 if self.budget is None else self.budget, 0),
        ):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
                raise TypeError(f"{name} must be a whole number, got {value!r}")
            if value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        if self.validate is not None and not callable(self.validate):
            raise TypeError(f"validate must be a function that returns a loss, got {type(self.validate).__name__}")
        if self.budget is not None and self.budget < self._cost(MIN_PROBE_STEPS):
            least = self._cost(MIN_PROBE_STEPS)
            raise ValueError(f"budget must be at least {least} for {self.count} probes, got {self.budget}")

    @property
    def affordable_steps(self) -> int:
        """Steps of each training within the budget."""
        if self.budget is None:
            return self.steps
        return min(self.steps, (self.budget - self._cost(0)) // self.count)

    @property
    def most_steps(self) -> int:
        """Steps that all take together where no loss runs away."""
        return self._cost(self.affordable_steps)

    def _cost(self, steps: int) -> int:
        """With a validation loss, one step more: it is measured before any training too."""
        return self.count * steps + (self.validate is not None)
