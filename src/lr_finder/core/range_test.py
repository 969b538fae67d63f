"""The range test as a state machine: gives the next rate, takes the losses, says when to stop."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lr_finder.core.ramp import Validate
from lr_finder.core.record import Record
from lr_finder.core.result import RangeTestResult
from lr_finder.core.step import Read, SharedRead, Step, scalar
from lr_finder.curve.curve import Curve
from lr_finder.curve.momentum import checked_momentum
from lr_finder.curve.stopping import Divergence, StopReason, StopRule
from lr_finder.curve.sweep import DEFAULT_END_LR, DEFAULT_START_LR, Bound, Sweep
from lr_finder.curve.training import Training
from lr_finder.errors import PARTIAL_RESULT_NOTE, DataEndedError

READ_EVERY = 8
"""Losses that may wait on an accelerator, where reading one waits for all the work that was queued before it, and of
several processes, which read theirs together: one message for all of them."""


def read_floats(losses: Sequence[Any]) -> list[float]:
    """Losses as numbers; anything with `__float__` will do.

    Raises:
        TypeError: One is no number.
    """
    try:
        return [float(loss) for loss in losses]
    except (TypeError, ValueError) as error:
        kinds = " or ".join(sorted({type(loss).__name__ for loss in losses}))
        raise TypeError(f"the loss must be one number, got {kinds}") from error


class RangeTest:
    """One ramp of learning rates, driven by whoever owns the training loop.

    It knows no framework: a loop of one's own iterates over it, a callback asks `lr` and calls `record`.

    >>> test = RangeTest(start_lr=1e-3, end_lr=100, num_it=50)
    >>> weight = 1.0
    >>> for lr in test:
    ...     test.record(weight**2)  # the loss before the step
    ...     weight -= lr * 2 * weight
    >>> test.stop_reason.name
    'DIVERGED'

    Where a step may take several batches, or none may come of a batch, each batch is told with `add_batch` and what
    came of it with `end_step`. As a context manager it keeps what was measured, whatever ends the block: an exception
    gets it as `partial_result`, and data that end (`DataEndedError`) end the sweep and no more.

    >>> test = RangeTest(start_lr=1e-3, end_lr=10, num_it=50)
    >>> with test:
    ...     for batch, loss in enumerate([4.0, 2.0, 3.0, 1.0]):
    ...         test.add_batch(loss)
    ...         test.end_step(has_stepped=batch % 2 == 1)
    >>> test.curve.losses.tolist()
    [3.0, 2.0]

    Args:
        start_lr: The rate of the first step.
        end_lr: The rate of the last step.
        num_it: Number of optimizer steps.
        shape: How the rate climbs: "exponential" is the same factor from step to step.
        stop_div: Whether to stop once the loss has diverged; NaN and infinity count as divergence.
        hold: How many of the last steps stay at `end_lr`.
        current_lrs: The parameter groups' rates before the sweep, whose ratios a bound of one number keeps.
        stop_rule: Decides when the loss has diverged; `Divergence` where left out. Not asked without `stop_div`.
        read: Turns losses into numbers, several at once.
        read_every: How many losses may wait before they are read. On an accelerator, waiting lets the steps run on, and
            it saves several processes their messages; what was recorded after the step at which the rule would have
            stopped is cut from the curve.
        validate: Called once the last step was taken, for the curve's `validation_loss`; a sweep that stopped before
            has none.
        momentum: That of the optimizer, by which `Divergence` waits and the curve is read; None where it is not known.
        training: What is trained, for the record.
        on_step: Called after each step that was recorded.

    Raises:
        ValueError: A bound or a count is out of range.
    """

    def __init__(
        self,
        start_lr: Bound = DEFAULT_START_LR,
        end_lr: Bound = DEFAULT_END_LR,
        num_it: int = 100,
        *,
        shape: Literal["exponential", "linear", "constant"] = "exponential",
        stop_div: bool = True,
        hold: int = 0,
        current_lrs: Sequence[float] = (1.0,),
        stop_rule: StopRule | None = None,
        read: Read = read_floats,
        read_every: int = 1,
        validate: Validate | None = None,
        momentum: float | None = None,
        training: Training | None = None,
        on_step: Callable[[], object] = lambda: None,
    ):
        sweep = Sweep(start_lr, end_lr, num_it, shape=shape, stop_div=stop_div, hold=hold)
        if read_every < 1:
            raise ValueError(f"read_every must be at least 1, got {read_every}")
        self._options = {"start_lr": start_lr, "end_lr": end_lr, "num_it": num_it, "stop_div": stop_div}
        self.steps_taken = 0
        self.notes: list[str] = []
        self._momentum = checked_momentum(momentum)
        self._lrs = sweep.lrs
        self._group_lrs = sweep.group_lrs(current_lrs)
        self._stop_rule = (stop_rule or Divergence(momentum=momentum)) if stop_div else None
        self._read = read
        self._read_every = read_every
        self._validate = validate
        self._training = training
        self._on_step = on_step
        self._validation_loss: float | None = None
        self._step = Step(read, read_every)
        self._unread: list[Any] = []
        self._losses: list[float] = []
        self._stop_reason: StopReason | None = None
        self._calls = 0

    @classmethod
    def over(cls, sweep: Sweep, **options: Any) -> "RangeTest":
        """The range test of a planned sweep; `options` are the keywords of `RangeTest` from `current_lrs` on."""
        plan = {"shape": sweep.shape, "stop_div": sweep.stop_div, "hold": sweep.hold}
        return cls(sweep.start_lr, sweep.end_lr, sweep.num_it, **plan, **options)

    def __iter__(self) -> Iterator[float]:
        """The rates, one per training step or batch; `record`, or `add_batch` and `end_step`, must follow each."""
        while not self.has_ended:
            calls = self._calls
            yield self.lr
            if not self.has_ended and self._calls == calls:
                raise RuntimeError(
                    "record(loss) must be called once for each rate, or add_batch(loss) and end_step(), and was not"
                )

    def __enter__(self) -> "RangeTest":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, DataEndedError):
            self.stop(StopReason.DATA_ENDED)
            return True
        if error is not None:
            self.keep_partial(error)
        return False

    @property
    def lr(self) -> float:
        """The rate of the next step; the last rate once every step was taken."""
        return float(self._lrs[min(self.steps_taken, len(self._lrs) - 1)])

    @property
    def group_lrs(self) -> NDArray[np.float64]:
        """The rates of the next step, shape `(groups,)`."""
        return self._group_lrs[min(self.steps_taken, len(self._lrs) - 1)]

    @property
    def has_ended(self) -> bool:
        """Whether the sweep is complete or stopped."""
        return self._stop_reason is not None

    @property
    def stop_reason(self) -> StopReason:
        """Why the sweep ended; INTERRUPTED while it has not."""
        return self._stop_reason or StopReason.INTERRUPTED

    def add_batch(self, loss: Any) -> None:
        """Takes the loss of a batch, measured before the step that the batch leads to.

        Args:
            loss: A number or a tensor of one element, on any device; None for a batch that was left out.

        Raises:
            ValueError: The loss is no scalar.
            RuntimeError: The optimizer has not stepped for 1,000 batches.
        """
        self._step.add_batch(loss)

    def end_step(self, has_stepped: bool = True) -> None:
        """Records the mean loss of the batches since the last step as one step.

        Where the optimizer has not stepped, because it accumulates or because a gradient scaler found an overflow, the
        batches count towards the next step. Unless their loss is lost: NaN or infinite, so that a scaler would skip
        every later step too; then it is recorded, and the stop rule ends the sweep.

        Args:
            has_stepped: Whether the optimizer made a step.
        """
        self._calls += 1
        loss = self._step.end(has_stepped)
        if loss is not None:
            self._record(loss)

    def record(self, loss: Any) -> None:
        """Takes the loss of the step just made, as measured before its update.

        Args:
            loss: A number or a tensor of one element, or None where no optimizer step was made (the next step then
                has the same rate).

        Raises:
            RuntimeError: The sweep has ended, or no step was made for 1,000 batches.
            ValueError: The loss is no scalar.
        """
        self.add_batch(loss)
        self.end_step(has_stepped=loss is not None)

    def _record(self, loss: Any) -> None:
        if self.has_ended:
            raise RuntimeError(f"record() was called after the end of the sweep: {self.stop_reason.value}")
        self.steps_taken += 1
        complete = self.steps_taken == len(self._lrs)
        if self._step.reads_at_once:
            self._take(loss)
        else:
            self._unread.append(loss)
            if complete or len(self._unread) >= self._read_every:
                self._read_losses()
        if complete and not self.has_ended:
            if self._validate is not None:
                self._validation_loss = self._validated(self._validate)
            self.stop(StopReason.COMPLETED)
        self._on_step()

    def _validated(self, validate: Validate) -> float:
        value = validate()
        if isinstance(self._read, SharedRead):
            self._read.meet()
        try:
            return self._read([scalar(value)])[0]
        except (TypeError, ValueError) as error:
            raise TypeError(f"validate must return a loss, one number, got {type(value).__name__}") from error

    def stop(self, reason: StopReason) -> None:
        """Ends the sweep here."""
        self._read_losses()
        self._stop_reason = self._stop_reason or reason

    def _read_losses(self) -> None:
        unread, self._unread = self._unread, []
        for loss in self._read(unread) if unread else ():
            self._take(loss)
            if self.has_ended:
                return  # what was recorded after this step overshot

    def _take(self, loss: float) -> None:
        self._losses.append(loss)
        if self._stop_rule is not None:
            self._stop_reason = self._stop_rule.update(loss)

    @property
    def curve(self) -> Curve:
        """What has been measured so far."""
        self._read_losses()
        steps = len(self._losses)
        return Curve(
            self._lrs[:steps],
            np.array(self._losses),
            self._group_lrs[:steps],
            self.stop_reason,
            tuple(self.notes),
            self._validation_loss,
            momentum=self._momentum,
            training=self._training,
        )

    @property
    def result(self) -> RangeTestResult:
        """The curve with all that can be read from it."""
        curve = self.curve
        return RangeTestResult(curve, steps_taken=len(curve), record=Record.now(self._options))

    def keep_partial(self, error: BaseException) -> None:
        """Leaves what was measured so far on an exception that ends the sweep, as `error.partial_result`."""
        # What still waits to be read is left out where the other processes would have to read along.
        if isinstance(self._read, SharedRead):
            self._unread = []
        # Whatever fails here must not hide the error: some take no attributes, and from an accelerator that has failed
        # no loss can be read any more. A second Ctrl-C asks for what is under way.
        with suppress(Exception, KeyboardInterrupt):
            error.partial_result = self.result  # pyright: ignore[reportAttributeAccessIssue]
            if len(self.curve) and hasattr(error, "add_note"):  # Python 3.11
                error.add_note(PARTIAL_RESULT_NOTE)  # pyright: ignore[reportAttributeAccessIssue]
