"""The outcome of a search: the curve, and everything that can be read from it."""

from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy import float64
from numpy.typing import NDArray

from lr_finder.core import storage
from lr_finder.core.apply import apply
from lr_finder.core.facts import facts
from lr_finder.core.record import Record
from lr_finder.core.tracking import trackers_of
from lr_finder.curve.batch_size import for_batch_size
from lr_finder.curve.curve import Curve
from lr_finder.curve.equality import are_equal
from lr_finder.curve.group_suggestions import group_suggestions
from lr_finder.curve.horizon import AS_MEASURED, Horizon, ScheduleKind
from lr_finder.curve.probe import Probe, suggestion_from_probes
from lr_finder.curve.reading import Reading
from lr_finder.curve.rules import DEFAULT_RULE, RuleName, find_rule
from lr_finder.curve.schedule import Schedule, for_horizon, schedule
from lr_finder.curve.stopping import StopReason
from lr_finder.curve.suggestion import Suggestion
from lr_finder.curve.warmup import Warmup
from lr_finder.errors import NoSuggestionError
from lr_finder.report.explain import explain, rates_in_words
from lr_finder.report.notebook import cell
from lr_finder.report.page import Run, save_page
from lr_finder.report.plot import plot
from lr_finder.report.trackers import log_to
from lr_finder.report.view import View, view

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class RangeTestResult:
    """What a search found.

    Args:
        curve: The ramp from which the suggestion is read.
        steps_taken: Optimizer steps that the whole search took, earlier ramps and probes included.
        probes: Short trainings at fixed rates around what the curve suggests, best first; empty without.
        ignores_rate: Whether two ramps had the same losses on the same batches, although their rates were not.
        record: When, with which versions and options it was made; results are equal whatever that is.
        horizon: The training to come, for which the suggestion is.
        warmup: Short trainings that warmed up to the suggestion; None without, or where the data were too few for them.
    """

    curve: Curve
    steps_taken: int
    probes: tuple[Probe, ...] = ()
    ignores_rate: bool = False
    record: Record | None = field(default=None, compare=False)
    horizon: Horizon = AS_MEASURED
    warmup: Warmup | None = None

    def __eq__(self, other: object) -> bool:
        return are_equal(self, other)

    def __hash__(self) -> int:
        return hash((self.curve, self.steps_taken))

    def __repr__(self) -> str:
        said = "no suggestion"
        if self.has_suggestion:
            by_group = rates_in_words(self.curve.optimizers, self.group_suggestions)
            said = f"{self.suggestion}{f': {by_group}' * bool(by_group)}"
        return f"RangeTestResult({said}; {len(self.curve)} points, {self.steps_taken} steps, {self.stop_reason.value})"

    @property
    def lrs(self) -> NDArray[float64]:
        """The rate of each step, shape `(steps,)`."""
        return self.curve.lrs

    @property
    def losses(self) -> NDArray[float64]:
        """The raw loss of each step, measured before its update, shape `(steps,)`."""
        return self.curve.losses

    @property
    def group_lrs(self) -> NDArray[float64]:
        """The rate of each parameter group at each step, shape `(steps, groups)`."""
        return self.curve.group_lrs

    @property
    def stop_reason(self) -> StopReason:
        """Why the ramp ended."""
        return self.curve.stop_reason

    @cached_property
    def suggestion(self) -> Suggestion:
        """The rate for the training to come (`horizon`): `measured_suggestion`, carried over to that.

        Raises:
            NoSuggestionError: The curve does not tell one; the text says what was seen and what to try.
        """
        return for_horizon(self.measured_suggestion, self.horizon, self.curve.training)

    @cached_property
    def measured_suggestion(self) -> Suggestion:
        """The rate for a few hundred steps at a constant rate, which is what a search can measure.

        By the default rule, corrected by the probes where there are some.

        Raises:
            NoSuggestionError: The curve does not tell one.
        """
        suggestion = self.suggest(DEFAULT_RULE)
        return suggestion_from_probes(self.probes, suggestion) if self.probes else suggestion

    @property
    def has_suggestion(self) -> bool:
        """Whether there is a `suggestion`."""
        return isinstance(self._suggestion_or_refusal, Suggestion)

    @cached_property
    def _suggestion_or_refusal(self) -> Suggestion | NoSuggestionError:
        try:
            return self.suggestion
        except NoSuggestionError as error:
            return error

    @property
    def group_suggestions(self) -> tuple[Suggestion, ...]:
        """The rate of each parameter group, in the order of the columns of `group_lrs`.

        They are in the ratio in which the groups climbed: that of their rates before, or the one found `by_group`.

        Raises:
            NoSuggestionError: There is no `suggestion`.
        """
        return group_suggestions(self.curve, self.suggestion)

    def suggest(self, rule: RuleName) -> Suggestion:
        """The rate that another rule reads from the same curve.

        Args:
            rule: "basin" (the default), "steepest", "min_div10", "valley" or "slide".

        Raises:
            ValueError: There is no such rule.
            NoSuggestionError: The curve does not tell a rate.
        """
        read = find_rule(rule)
        if self.ignores_rate:
            raise _why_it_ignores_rate(self.curve)
        with np.errstate(all="ignore"):  # of losses that ran away to the edge of what numbers there are
            return read(self.curve)

    def explain(self) -> str:
        """What to do, how sure that is and what the search saw, in a few plain sentences."""
        measured = self.measured_suggestion.lr if self.has_suggestion else None
        return explain(
            self.curve,
            self._suggestion_or_refusal,
            self.steps_taken,
            self.probes,
            horizon=self.horizon,
            measured=measured,
            warmup=self.warmup,
            has_looked=self.record is None or not {"start_lr", "end_lr"} & self.record.options.keys(),
        )

    def view(self, skip_start: int | None = None, skip_end: int | None = None, name: str = "") -> View:
        """What a picture of the result shows, whatever draws it.

        Args:
            skip_start: Steps to leave out at the low end.
            skip_end: Steps to leave out at the high end; where left out, what ran away is cut off by the axis.
            name: What tells it from others.

        Raises:
            ValueError: A number of steps to skip is negative, or no step would be left.
        """
        return view(self.curve, self._suggestion_or_refusal, self.probes, skip_start, skip_end, name)

    def schedule(self, kind: ScheduleKind, total_steps: int) -> Schedule:
        """The rate, or the peak, for a training of so many steps under a schedule.

            peak = result.schedule("one_cycle", total_steps=3000).lr
            scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=peak, total_steps=3000)

        Args:
            kind: "constant", "cosine", "linear", "wsd" (constant with a cooldown to nothing in the last fifth),
                "one_cycle" or "inverse_sqrt".
            total_steps: Optimizer steps of the training to come.

        Raises:
            NoSuggestionError: There is no rate.
            ValueError: There is no such kind, or `total_steps` is below 1.
        """
        return schedule(self.measured_suggestion, kind, total_steps, self.curve.training, self.warmup)

    def for_batch_size(self, factor: float) -> Suggestion:
        """The suggestion for batches so many times as large, with as many steps.

            result.for_batch_size(4).lr

        Args:
            factor: The new batch size over the one that was searched with; below 1 for smaller batches.

        Raises:
            NoSuggestionError: There is no rate.
            ValueError: `factor` is not a finite number above 0.
        """
        return for_batch_size(self.suggestion, factor, self.curve.training)

    def apply(self, target: Any) -> list[tuple[float, float]]:
        """Sets the suggested rate in what was searched, in an optimizer that of each parameter group.

        Where the search knew of one rate only, and in all but optimizers, groups keep their ratios to the largest.

        Args:
            target: An optimizer, several (as a list or by name, in the order in which they were searched for), or the
                trainer, module, net, learner or model that was searched; it is modified.

        Returns:
            The old and the new rate, of each parameter group where there are such.

        Raises:
            NoSuggestionError: There is no rate to set; the target is as it was.
            TypeError: There is no rate in the target; the text says what takes its place.
            ValueError: The groups have rates of their own, and are not as many as those that were searched for.
        """
        by_group = self.record is not None and self.record.options.get("by_group") is True
        return apply(target, [suggestion.lr for suggestion in self.group_suggestions], by_group=by_group)

    def plot(
        self,
        ax: "Axes | None" = None,
        skip_start: int | None = None,
        skip_end: int | None = None,
        suggestion: bool = True,
        label: str = "",
    ) -> "Axes":
        """Draws loss against rate, with the suggestion, its interval and the probes; never calls `show()`.

        On axes that show another result already, each gets a colour and a name in the legend; see also `compare`.

        Args:
            ax: Where to draw; a new figure where left out.
            skip_start: Steps to leave out at the low end.
            skip_end: Steps to leave out at the high end; where left out, what ran away is cut off by the axis.
            suggestion: Whether to mark the suggested rate.
            label: Its name among several on the same axes.

        Raises:
            MissingExtraError: matplotlib is not installed.
            ValueError: A number of steps to skip is negative, or no step would be left.
        """
        return plot(self.view(skip_start, skip_end, label), ax, suggestion=suggestion)

    def _repr_html_(self) -> str:
        """The output of a notebook's cell."""
        return cell(self.view(), self.explain())

    def report(self, path: "str | PathLike[str]") -> None:
        """Writes a page to explore and to send: one `.html` file that needs no other and no network.

        Raises:
            MissingExtraError: The extra `report` is not installed.
            ValueError: The file's name does not end in .html.
        """
        save_page([self.run()], path)

    def log_to(self, writer: Any) -> None:
        """Writes the search into an experiment tracker: loss and rate of each step, the suggestion, the picture.

            result.log_to(SummaryWriter())  # TensorBoard
            result.log_to(wandb.init(project="digits"))
            result.log_to(mlflow)  # in its active run
            result.log_to(trainer)  # to the loggers of a Lightning or Hugging Face Trainer

        Args:
            writer: A TensorBoard `SummaryWriter`, a run of Weights & Biases, Trackio or Aim, the module `mlflow`, or a
                trainer that has some of these. What has just `log_metrics(values, step)` gets the numbers.

        Raises:
            TypeError: It is none of these.
            ValueError: The trainer has set up none.
            MissingExtraError: matplotlib is not installed.
        """
        for tracker in trackers_of(writer):
            log_to(tracker, self.view(), self.explain())

    def run(self, name: str = "") -> Run:
        """What a page shows of it.

        Args:
            name: What tells it from others.
        """
        return Run(
            self.view(name=name),
            self.explain(),
            by_rule={} if not self.has_suggestion else {rule: self.suggest(rule) for rule in self._other_rules},
            facts=facts(self.curve, self.steps_taken, self.record),
        )

    @property
    def _other_rules(self) -> list[RuleName]:
        """The rules beside the one whose suggestion this is; with probes that is none of them."""
        return [rule for rule in get_args(RuleName) if rule != DEFAULT_RULE or self.probes]

    def to_records(self) -> list[dict[str, float]]:
        """One dictionary per step (`step`, `lr`, `loss`), as `pandas.DataFrame` takes them."""
        rows = enumerate(zip(self.lrs.tolist(), self.losses.tolist(), strict=True))
        return [{"step": step, "lr": lr, "loss": loss} for step, (lr, loss) in rows]

    def to_dict(self) -> dict[str, Any]:
        """All of the result as JSON has it: what `save` writes, and what `load` needs not read, such as the suggestion.

        Losses that are not finite are texts ("nan", "inf"), because JSON has no such numbers.
        """
        found = (self.curve, self.steps_taken, self.probes, self.ignores_rate, self.record, self.horizon, self.warmup)
        return storage.to_dict(found, self._suggestion_or_refusal)

    def save(self, path: "str | PathLike[str]") -> None:
        """Writes the result to a `.json` file (all of it) or a `.csv` file (the points); whole or not at all.

        Raises:
            ValueError: The file's name ends in neither.
        """
        storage.save(self.to_dict(), path)

    @classmethod
    def load(cls, path: "str | PathLike[str]") -> "RangeTestResult":
        """Reads a result that `save` wrote as `.json`. Nothing in the file is ever executed.

        Raises:
            ResultFileError: The file is not such a result, is damaged, or comes from a newer version.
        """
        return cls(*storage.load(path))


def _why_it_ignores_rate(curve: Curve) -> NoSuggestionError:
    """What to say where two ramps had the same losses at different rates."""
    seen = "The losses were the same on the same batches at very different rates"
    if Reading.of(curve).has_fallen:
        return NoSuggestionError(
            f"{seen}, and they fell: the optimizer trains by a rate of its own and not by that of its param_groups, so "
            "there is none to find.",
            "Where it wraps another optimizer that has a rate, give that one.",
        )
    return NoSuggestionError(
        f"{seen}: nothing was trained.",
        "Check that the loss depends on the parameters that the optimizer holds, and that they are trainable; or the "
        "optimizer trains by a rate of its own and not by that of its param_groups.",
    )
