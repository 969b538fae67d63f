"""What is to be tried in short trainings: how many rates, for how many steps, judged by what."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lr_finder.core.ramp import Validate
from lr_finder.curve.thresholds import FIRST_ROUND, MIN_PROBE_STEPS, PROBE_STEPS


class Round(NamedTuple):
    """Trainings of one length: how many, and for how many steps each."""

    trainings: int
    steps: int


@dataclass(frozen=True)
class Probing:
    """What is to be tried.

    Args:
        count: How many rates; at least 2.
        steps: Steps of the longest trainings.
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
        if not self.rounds:
            least = self._cost(self._rounds_of(MIN_PROBE_STEPS))
            raise ValueError(f"budget must be at least {least} for {self.count} probes, got {self.budget}")

    @property
    def num_spread(self) -> int:
        """How many of the rates are set beforehand; of more than two, the last goes where the others point."""
        return max(self.count - 1, 2)

    @property
    def rounds(self) -> list[Round]:
        """Successive halving of the rates set beforehand, within the budget; empty where that is too small."""
        for steps in range(self.steps, MIN_PROBE_STEPS - 1, -1):
            rounds = self._rounds_of(steps)
            if self.budget is None or self._cost(rounds) <= self.budget:
                return rounds
        return []

    @property
    def most_steps(self) -> int:
        """Steps that all take together where no loss runs away."""
        return self._cost(self.rounds)

    def _rounds_of(self, steps: int) -> list[Round]:
        first = round(FIRST_ROUND * steps)
        if self.num_spread <= 3 or first < MIN_PROBE_STEPS:
            return [Round(self.num_spread, steps)]
        return [Round(self.num_spread, first), Round(self.num_spread // 2 + 1, steps)]

    def _cost(self, rounds: list[Round]) -> int:
        """With a validation loss, one step more: it is measured before any training too."""
        last = (self.count - self.num_spread) * rounds[-1].steps
        return sum(trainings * steps for trainings, steps in rounds) + last + (self.validate is not None)
