"""What a search has measured so far."""

from contextlib import suppress
from typing import cast

from lr_finder.core.ramp import Ramp, Validate, ValidatingRamp
from lr_finder.core.record import Record
from lr_finder.core.result import RangeTestResult
from lr_finder.curve.clear_reading import clear_reading_or_none
from lr_finder.curve.curve import Curve
from lr_finder.curve.horizon import AS_MEASURED, Horizon, ScheduleKind
from lr_finder.curve.sweep import Sweep
from lr_finder.curve.training import Training


class Measured:
    """What a search has measured so far.

    Attributes:
        found: The climb that the suggestion is read from; None while there is none.
    """

    def __init__(self, ramp: Ramp, record: Record, schedule: ScheduleKind | None, total_steps: int | None):
        self._ramp = ramp
        self._record = record
        self._schedule: ScheduleKind | None = schedule
        self._total_steps = total_steps
        self._curves: list[Curve] = []
        self.found: Curve | None = None

    @property
    def steps_taken(self) -> int:
        """Those of all ramps."""
        return sum(map(len, self._curves))

    def ramp(self, sweep: Sweep, validate: Validate | None = None, /) -> Curve:
        """The ramp, with its steps counted; one that does not validate need not take a `validate`."""
        curve = self._ramp(sweep) if validate is None else cast(ValidatingRamp, self._ramp)(sweep, validate)
        if not isinstance(curve, Curve):
            raise TypeError(f"ramp must return a Curve, as in `return test.curve`, got {type(curve).__name__}")
        self._curves.append(curve)  # as one, whatever thread it comes from
        return curve

    def result(self, curve: Curve, *, more_steps: int = 0, ignores_rate: bool = False) -> RangeTestResult:
        """The result that a curve gives, for the training that was asked for, or else for the one that is known."""
        training = curve.training or Training()
        known = training.horizon or AS_MEASURED
        horizon = Horizon(self._schedule or known.kind, self._total_steps or known.total_steps)
        steps = self.steps_taken + more_steps
        return RangeTestResult(curve, steps, ignores_rate=ignores_rate, record=self._record, horizon=horizon)

    def leave_on(self, error: BaseException) -> None:
        """Leaves on an exception, as `partial_result`, the last ramp that tells something."""
        ended: RangeTestResult | None = getattr(error, "partial_result", None)
        curves = self._curves if ended is None else [*self._curves, ended.curve]
        curves = [curve for curve in curves if _has_climbed(curve)] or curves
        if curves:
            more_steps = 0 if ended is None else ended.steps_taken
            # Some exceptions take no attributes; a second Ctrl-C asks for what is under way.
            with suppress(Exception, KeyboardInterrupt):
                partial_result = self.result(self.found or _last_clear(curves), more_steps=more_steps)
                error.partial_result = partial_result  # pyright: ignore[reportAttributeAccessIssue]


def _has_climbed(curve: Curve) -> bool:
    return len(curve) > 0 and bool(curve.lrs[0] < curve.lrs[-1])


def _last_clear(curves: list[Curve]) -> Curve:
    """The last climb that tells something; the last one where none does."""
    if len(curves) == 1:  # which is not read for nothing: of thousands of steps that takes a while
        return curves[0]
    return next((curve for curve in reversed(curves) if clear_reading_or_none(curve) is not None), curves[-1])
