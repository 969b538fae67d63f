"""What a sweep measured, as plain data."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lr_finder.curve.equality import are_equal
from lr_finder.curve.momentum import checked_momentum
from lr_finder.curve.pairing import less_what_batches_add
from lr_finder.curve.stopping import StopReason
from lr_finder.curve.training import Training


@dataclass(frozen=True, eq=False)
class Curve:
    """One loss per optimizer step, with the rate that the step used. Losses are raw: nothing is smoothed or cut.

    Args:
        lrs: The rate of each step, shape `(steps,)`.
        losses: The loss before each step's update, shape `(steps,)`; may hold NaN and infinity.
        group_lrs: The rate of each parameter group, shape `(steps, groups)`; one group with `lrs` where left out.
        stop_reason: Why the sweep ended.
        notes: Sentences for the user about what happened on the way.
        validation_loss: What was measured after the last step, where the ramp was given a `validate`; else None.
        momentum: The share of the averaged gradient that the optimizer keeps from step to step: momentum of SGD, the
            first beta of Adam, 0 where it keeps none; None where that is not known.
        training: What was trained; None where that is not known.
        control_losses: The losses of the same batches where nothing was trained, shape `(steps,)`; None where that was
            not measured.
        runs_away: Whether the loss is known to run away at higher rates, as another sweep saw it do.

    Raises:
        ValueError: The shapes do not fit, or a value is out of range.
    """

    lrs: NDArray[np.float64]
    losses: NDArray[np.float64]
    group_lrs: NDArray[np.float64] = None  # pyright: ignore[reportAssignmentType] - None only until __post_init__
    stop_reason: StopReason = StopReason.COMPLETED
    notes: tuple[str, ...] = ()
    validation_loss: float | None = None
    momentum: float | None = None
    training: Training | None = None
    control_losses: NDArray[np.float64] | None = None
    runs_away: bool = False

    def __post_init__(self):
        lrs, losses = _column("lrs", self.lrs), _column("losses", self.losses)
        if len(lrs) != len(losses):
            raise ValueError(f"lrs and losses must have the same length, got {len(lrs)} and {len(losses)}")
        groups = lrs[:, None] if self.group_lrs is None else np.asarray(self.group_lrs, dtype=np.float64)
        if groups.ndim != 2 or len(groups) != len(lrs):
            raise ValueError(f"group_lrs must have shape ({len(lrs)}, groups), got {groups.shape}")
        if not (np.all(np.isfinite(lrs)) and np.all(lrs > 0)):
            raise ValueError("lrs must be finite and greater than 0")
        if not (np.all(np.isfinite(groups)) and np.all(groups >= 0)):
            raise ValueError("group_lrs must be finite and at least 0")
        if self.optimizers and len(self.optimizers) != groups.shape[1]:
            raise ValueError(f"optimizers must be {groups.shape[1]} names or none, got {len(self.optimizers)}")
        if self.control_losses is not None:
            control_losses = _column("control_losses", self.control_losses)
            if len(control_losses) != len(losses):
                lengths = f"got {len(control_losses)} and {len(losses)}"
                raise ValueError(f"control_losses and losses must have the same length, {lengths}")
            object.__setattr__(self, "control_losses", control_losses)
        object.__setattr__(self, "lrs", lrs)
        object.__setattr__(self, "losses", losses)
        object.__setattr__(self, "group_lrs", groups)
        object.__setattr__(self, "momentum", checked_momentum(self.momentum))

    def __repr__(self) -> str:
        finite = self.losses[np.isfinite(self.losses)]
        reach = f", {self.lrs[0]:.2g} .. {self.lrs[-1]:.2g}" if len(self) else ""
        lowest = f", lowest loss {finite.min():.4g}" if len(finite) else ""
        return f"Curve({len(self)} steps{reach}{lowest}, {self.stop_reason.value})"

    def __len__(self) -> int:
        return len(self.lrs)

    def __eq__(self, other: object) -> bool:
        return are_equal(self, other)

    def __hash__(self) -> int:
        return hash((self.lrs.tobytes(), self.stop_reason))

    @cached_property
    def paired_losses(self) -> NDArray[np.float64]:
        """The losses without what their batches add, where that was measured; shape `(steps,)`."""
        if self.control_losses is None:
            return self.losses
        return less_what_batches_add(self.losses, self.control_losses)

    @property
    def optimizers(self) -> tuple[str, ...]:
        """The name of each parameter group's optimizer; empty where there is one, or it is not known."""
        return () if self.training is None else self.training.optimizers

    def group_ratios(self, lr: float) -> NDArray[np.float64]:
        """Each parameter group's rate over that of the curve, where that is nearest to `lr`; shape `(groups,)`."""
        nearest = int(np.argmin(np.abs(np.log(self.lrs / lr))))
        return self.group_lrs[nearest] / self.lrs[nearest]


def _column(name: str, values: ArrayLike) -> NDArray[np.float64]:
    column = np.array(values, dtype=np.float64)
    if column.ndim != 1:
        raise ValueError(f"{name} must have shape (steps,), got {column.shape}")
    return column
