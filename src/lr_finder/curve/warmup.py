"""How long the rate has to climb to its peak, as short trainings with warm-ups of several lengths tell it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lr_finder.curve.equality import are_equal


@dataclass(frozen=True, eq=False)
class Warmup:
    """Short trainings on the same batches whose rate climbed to one peak, and stayed there.

    What a warm-up is worth shows in where it leads, and not in how the loss gets there: a training that has taken too
    large a step at first is often not seen to diverge, but to get stuck.

    Args:
        peak: The rate to which they climbed.
        tried: In how many steps each of them did, shape `(trainings,)`; the longest first.
        losses: The raw loss of each step, shape `(trainings, steps)`; NaN from where it ran away.
    """

    peak: float
    tried: tuple[int, ...]
    losses: NDArray[np.float64]

    def __post_init__(self):
        if not 0 < self.peak < math.inf:
            raise ValueError(f"the peak of a warm-up must be finite and greater than 0, got {self.peak}")
        if self.losses.ndim != 2 or len(self.losses) != len(self.tried):
            raise ValueError(f"losses must have shape ({len(self.tried)}, steps), got {self.losses.shape}")

    def __eq__(self, other: object) -> bool:
        return are_equal(self, other)

    def __hash__(self) -> int:
        return hash((self.peak, self.tried))

    @property
    def ends(self) -> NDArray[np.float64]:
        """The loss that each of them came to, the mean of its last quarter; NaN where it ran away."""
        return self.losses[:, -max(self.losses.shape[1] // 4, 1) :].mean(axis=1)

    @property
    def longest(self) -> int:
        """The longest warm-up that was tried."""
        return self.tried[0]

    @property
    def ran_away(self) -> bool:
        """Whether the loss did even with the longest."""
        return bool(np.isnan(self.ends[0]))

    @property
    def steps(self) -> int:
        """The shortest warm-up that came as low as the longest; the longest where none did."""
        as_low = self.ends <= self.ends[0]
        return min(
            (steps for steps, is_as_low in zip(self.tried, as_low, strict=True) if is_as_low), default=self.longest
        )

    def steps_to(self, peak: float) -> int:
        """Those to another peak: the rate climbs as fast."""
        return math.ceil(self.steps * peak / self.peak)

    @property
    def in_words(self) -> str:
        """What they say, in a sentence."""
        tried = f"in short trainings at {self.peak:.2g}"
        if self.ran_away:
            return (
                f"Start lower: {tried} the loss ran away even where the rate climbed to that for {self.longest} steps."
            )
        if self.steps == 0:
            return f"It needs no warm-up: {tried} one without came as low as one of {self.longest} steps."
        if self.steps == self.longest:
            return f"Warm up for {self.steps} steps at least: {tried} shorter ones did not come as low."
        return f"Warm up for {self.steps} steps: {tried} they came as low as {self.longest}, and fewer did not."
