"""A ramp over any torch training that can be had as a function of one step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch.optim import Optimizer

from lr_finder.core.ramp import Ramp, Validate
from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.curve.curve import Curve
from lr_finder.curve.sweep import Sweep
from lr_finder.errors import DataEndedError
from lr_finder.integrations.batches import Batches
from lr_finder.integrations.search import OnStep, search_with_bar
from lr_finder.integrations.torch.optimizer_sweep import OptimizerSweep
from lr_finder.integrations.torch.processes import GRACE_SECONDS, Processes
from lr_finder.integrations.torch.spread import Group, Spread
from lr_finder.integrations.torch.step import loss_in
from lr_finder.preserve import preserve
from lr_finder.progress import shown_once


@dataclass(frozen=True)
class StepTraining:
    """A training as a range test needs it.

    Args:
        step: Trains on a batch, or on all those of a step, and returns their loss before the step; raises
            `DataEndedError` where there are no more batches.
        optimizers: Those that `step` steps.
        state: Everything that `step` changes, the optimizers included.
        restart: Called before each ramp, with everything put back.
        batches: Where `step` gets its batches, if they are known.
        batch_size: Samples per optimizer step, for the record; None where that is not known.
        process_group: The processes that train together, where that can't be told from `state`.
    """

    step: Callable[[], Any]
    optimizers: Sequence[Optimizer]
    state: Sequence[Any]
    restart: Callable[[], object] = lambda: None
    batches: Batches | None = None
    batch_size: int | None = None
    process_group: Group | None = None

    def search(self, progress: bool | None, options: SearchOptions) -> RangeTestResult:
        """Searches for the rate of this training; by group where optimizers of different classes are given.

        Args:
            progress: Whether to show a progress bar.
            options: Those of every search.
        """
        finds_range = options.get("start_lr") is None and options.get("end_lr") is None
        if options.get("by_group") is None:
            kinds = {type(optimizer) for optimizer in self.optimizers}
            options = {**options, "by_group": finds_range and len(kinds) > 1}
        spread = Spread(self.state, self.process_group)
        with spread.processes() as processes:
            if self.batches is not None:
                self.batches.even_out(processes.even)
            return search_with_bar(
                lambda on_step: self.ramp(spread, processes, on_step),
                shown_once(progress, processes.is_first),
                **options,
            )

    def ramp(self, spread: Spread, processes: Processes, on_step: OnStep) -> Ramp:
        """The seam that the search calls; `on_step` is called after each optimizer step."""

        def ramp(sweep: Sweep, validate: Validate | None = None) -> Curve:
            with preserve(*self.state):
                self.restart()
                sweeping = OptimizerSweep(
                    sweep,
                    self.optimizers,
                    read=processes.read,
                    on_step=on_step,
                    validate=validate,
                    batch_size=self.batch_size,
                )
                with sweeping as swept:
                    try:
                        while not swept.test.has_ended:
                            self._take_step(swept)
                    except DataEndedError:
                        processes.meet(GRACE_SECONDS)
                        raise
                notes = (spread.note, None if self.batches is None else self.batches.note)
                swept.test.notes += [note for note in notes if note is not None]
                return swept.test.curve

        return ramp

    def _take_step(self, swept: OptimizerSweep) -> None:
        """Calls the step function once: calls that accumulate, or that a gradient scaler skips, are no step."""
        swept.write()
        try:
            loss = loss_in(self.step())
        except StopIteration as error:
            raise RuntimeError(
                "the step function came to the end of an iterator that it holds, and which no ramp can start over; "
                "give the loader itself: lr_find(step, ..., train_loader=loader), where step(batch) gets a batch"
            ) from error
        has_stepped = swept.has_stepped()
        if loss is None and has_stepped:
            raise TypeError("the step function must return the loss of its step, got None: return loss")
        swept.test.add_batch(loss)
        swept.test.end_step(has_stepped)
