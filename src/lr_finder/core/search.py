"""The search for a rate over the one seam, `ramp(sweep) -> Curve`."""

import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from numbers import Real
from typing import Any, TypeAlias, TypedDict

import numpy as np

from lr_finder.core.climbs import Climbs, Plan, climb
from lr_finder.core.groups import find_group_ratios
from lr_finder.core.measured import Measured
from lr_finder.core.pool import OneAfterAnother, Pool
from lr_finder.core.probes import run_probes
from lr_finder.core.probing import Probing
from lr_finder.core.ramp import Ramp, Validate, ValidatingRamp
from lr_finder.core.record import Record
from lr_finder.core.result import RangeTestResult
from lr_finder.core.warmups import MOST_STEPS as WARMUP_MOST_STEPS
from lr_finder.core.warmups import try_warmups
from lr_finder.curve.horizon import Horizon, ScheduleKind
from lr_finder.curve.probe import Probe
from lr_finder.curve.sweep import DEFAULT_END_LR, DEFAULT_START_LR, Bound, Sweep, is_by_group
from lr_finder.curve.thresholds import LEAST_MOST_STEPS, MOST_STEPS, PROBE_STEPS, QUICK_STEPS, STEPS
from lr_finder.curve.warmup import Warmup

Ratios: TypeAlias = Callable[[float], list[float] | None]
"""Each parameter group's rate over the one that is named; None where the groups keep their own ratios."""


class SearchOptions(TypedDict, total=False):
    """The options that every search has, whatever the framework; `lr_find(..., num_it=300, probes=5)`.

    Attributes:
        start_lr: The rate of the first step: one number (each parameter group keeps its ratio to the largest), one per
            group, or a slice over the groups as in fastai; one number beside one of these is every group's. Without
            `start_lr` and `end_lr` the range is found too.
        end_lr: The rate of the last step.
        num_it: Optimizer steps to plan for, probes aside; 100 is the quick answer. Where left out, 200, or fewer where
            the interval is narrow before; 100 with `start_lr` or `end_lr`, or with a `max_it` below 200. Where the
            range is found too, at least 42 are taken, as far as `max_it` allows.
        max_it: The most steps to take, probes aside, where the range is found and the climbs tell no rate; five times
            `num_it`, or 1,000 where that is more, where left out. A rate in doubt is worth 60 % of them.
        stop_div: Whether a ramp stops once the loss has diverged; True where left out.
        wd: Weight decay during the search; the training's own where left out.
        by_group: Whether to find the ratio of the parameter groups' rates too: each is searched for alone, with the
            others at 0, before all are together. `num_it` and `max_it` are those of every single search, of which those
            for a group alone plan for 100 steps at most. Groups of one optimizer with the same rate are one. Where left
            out, it is done for optimizers of different classes.
        probes: How many rates around the suggestion to try in short trainings, which may correct it: at least 2, or 0
            for none. After the first three, each one goes where the others point.
        probe_steps: Steps of each of these trainings; 64 where left out. The longer they are, the more they weigh.
        budget: The most steps that they may take together; they are made shorter where it would be more.
        validate: A function that gives a validation loss to judge them by. It is called after each of them without
            arguments (in JAX with the trained parameters or model), and may leave the model in any mode.
        warmup: Whether to find out too in how many steps the rate has to climb to the suggestion at the beginning of a
            training: in two to four short trainings, which take 512 steps at most.
        total_steps: Optimizer steps of the training to come, for which the suggestion is; a few hundred where left out.
        schedule: How its rate will run, "constant", "cosine", "linear", "wsd", "one_cycle" or "inverse_sqrt"; the
            suggestion is the peak of it. "constant" where left out.
    """

    start_lr: Bound | None
    end_lr: Bound | None
    num_it: int | None
    max_it: int | None
    stop_div: bool
    wd: float | None
    by_group: bool | None
    probes: int
    probe_steps: int | None
    budget: int | None
    validate: Validate | None
    warmup: bool
    total_steps: int | None
    schedule: ScheduleKind | None


def search(
    ramp: Ramp,
    *,
    start_lr: Bound | None = None,
    end_lr: Bound | None = None,
    num_it: int | None = None,
    max_it: int | None = None,
    stop_div: bool = True,
    wd: float | None = None,
    by_group: bool | None = None,
    probes: int = 0,
    probe_steps: int | None = None,
    budget: int | None = None,
    validate: Validate | None = None,
    warmup: bool = False,
    total_steps: int | None = None,
    schedule: ScheduleKind | None = None,
    pool: Pool | None = None,
    plan: Plan = lambda steps, why: None,
) -> RangeTestResult:
    """Searches for the learning rate to start training with.

    With `start_lr` or `end_lr` given it is one plain ramp in `num_it` steps; a bound left out is then 1e-7 or 10.
    With neither, the range is found too (`lr_finder.core.climbs`).

    Args:
        ramp: Trains through a sweep's rates and puts everything back: all that a framework has to give.
        start_lr: See `SearchOptions` for this and the other options.
        end_lr: The rate of the last step.
        num_it: Optimizer steps to plan for, probes aside.
        max_it: The most steps to take, probes aside.
        stop_div: Whether a ramp stops once the loss has diverged.
        wd: Weight decay during the search.
        by_group: Whether to find the ratio of the parameter groups' rates too; None does not.
        probes: How many rates around the suggestion to try in short trainings.
        probe_steps: Steps of each of them.
        budget: The most steps that they may take together.
        validate: Gives a validation loss to judge them by.
        warmup: Whether to find out too in how many steps the rate has to climb to the suggestion.
        total_steps: Optimizer steps of the training to come.
        schedule: How its rate will run.
        pool: Trains at several of the probes' rates at once: anything with `map(function, items)` that may call the
            ramp from several threads, such as a `ThreadPoolExecutor`. Where left out, one is tried after another.
        plan: Told how many steps there will be in all before they are taken, and what for.

    Returns:
        What was found. An exception that ends the search carries what there was until then as `partial_result`.

    Raises:
        ValueError: A bound or a count is out of range.
        TypeError: An argument is of the wrong kind.
    """
    given = locals()
    Horizon("constant" if schedule is None else schedule, total_steps)  # checks them before any step is taken
    finds_range = start_lr is None and end_lr is None
    may_stop_early = num_it is None
    if num_it is None:
        is_quick = not finds_range or (isinstance(max_it, Real) and max_it < STEPS)
        num_it = QUICK_STEPS if is_quick else STEPS
    whole = Sweep(
        DEFAULT_START_LR if start_lr is None else start_lr,
        DEFAULT_END_LR if end_lr is None else end_lr,
        num_it,
        stop_div=stop_div,
        wd=wd,
    )
    _check_by_group(by_group, finds_range)
    most_steps = max(MOST_STEPS * num_it, LEAST_MOST_STEPS)
    if max_it is not None:
        most_steps = _checked_max_it(max_it, num_it, finds_range)
    if probes:
        probing = Probing(probes, PROBE_STEPS if probe_steps is None else probe_steps, budget, validate, wd=wd)
    else:
        probing = _no_probing(probe_steps=probe_steps, budget=budget, validate=validate, pool=pool)
    if warmup not in (True, False):
        raise TypeError(f"warmup must be True or False, got {warmup!r}")
    if validate is not None:
        _check_takes_validate(ramp)
    record = Record.now({name: given[name] for name in (*SearchOptions.__annotations__, "pool")})
    measured = Measured(ramp, record, schedule, total_steps)

    def after(others: int) -> Plan:
        return lambda steps, why: plan(others + steps, why)

    def find(ramp: ValidatingRamp, to_come: int = 0) -> RangeTestResult:
        # How the groups' rates compare needs no more than a quick look at each.
        own = replace(whole, num_it=min(num_it, QUICK_STEPS)) if to_come else whole
        plan_all = after(measured.steps_taken + to_come * num_it)
        plan_all(own.num_it, "")
        if finds_range:
            climbs = climb(ramp, own, most_steps, plan_all, may_stop_early=may_stop_early)
        else:
            climbs = Climbs(ramp(own))
        return measured.result(climbs.curve, ignores_rate=climbs.ignores_rate)

    try:
        together, notes = find_group_ratios(measured.ramp, find) if by_group else (measured.ramp, ())
        result = find(together)
        result = replace(result, curve=replace(result.curve, notes=(*result.curve.notes, *notes)))
        measured.found = result.curve
        has_bounds_by_group = is_by_group(start_lr) or is_by_group(end_lr)

        def ratios(lr: float) -> list[float] | None:
            return result.curve.group_ratios(lr).tolist() if has_bounds_by_group else None

        if probing is not None and result.has_suggestion:
            found = _probes(together, result, probing, pool or OneAfterAnother(), after(measured.steps_taken), ratios)
            result = replace(result, steps_taken=measured.steps_taken, probes=found)
        if warmup and result.has_suggestion:
            tried = _warmups(together, result, wd, after(measured.steps_taken), ratios)
            if tried is None:
                notes = (*result.curve.notes, "The data ended before warm-ups could be compared.")
                result = replace(result, curve=replace(result.curve, notes=notes))
            result = replace(result, steps_taken=measured.steps_taken, warmup=tried)
        return result
    except BaseException as error:
        measured.leave_on(error)
        raise


def _probes(
    ramp: ValidatingRamp, result: RangeTestResult, probing: Probing, pool: Pool, plan: Plan, ratios: Ratios
) -> tuple[Probe, ...]:
    """Short trainings around what the curve suggests."""
    centre, steps = result.measured_suggestion.lr, probing.most_steps
    plan(steps, f"lr_find: short trainings at {probing.count} rates around {centre:.2g}, at most {steps} steps")
    return run_probes(ramp, centre, probing, pool, ratios(centre))


def _warmups(
    ramp: ValidatingRamp, result: RangeTestResult, wd: float | None, plan: Plan, ratios: Ratios
) -> Warmup | None:
    """Short trainings that climb to what is suggested; None where the data ended."""
    peak, steps = result.suggestion.lr, WARMUP_MOST_STEPS
    plan(steps, f"lr_find: short trainings that warm up to {peak:.2g}, at most {steps} steps")
    return try_warmups(ramp, peak, ratios(peak), wd=wd)


def _check_takes_validate(ramp: Ramp) -> None:
    with suppress(ValueError):  # some built-in callables have no signature
        signature = inspect.signature(ramp)
        try:
            signature.bind("sweep", "validate")
        except TypeError:
            raise TypeError(
                "validate needs a ramp that takes it beside the sweep: def ramp(sweep, validate=None), which gives it "
                f"to RangeTest.over(sweep, validate=validate); got ramp{signature}"
            ) from None


def _check_by_group(by_group: bool | None, finds_range: bool) -> None:
    if by_group not in (None, True, False):
        raise TypeError(f"by_group must be True, False or None, got {by_group!r}")
    if by_group and not finds_range:
        raise ValueError("by_group finds the range of each group and goes without start_lr and end_lr; leave them out")


def _checked_max_it(max_it: int, num_it: int, finds_range: bool) -> int:
    if not finds_range:
        raise ValueError(
            "max_it has no effect with start_lr or end_lr, which make one ramp of num_it steps; leave it out"
        )
    if isinstance(max_it, bool) or not isinstance(max_it, (int, np.integer)):
        raise TypeError(f"max_it must be a whole number, got {max_it!r}")
    if max_it < num_it:
        raise ValueError(f"max_it must be at least num_it ({num_it}), got {max_it}; give a smaller num_it too")
    return int(max_it)


def _no_probing(**options: Any) -> None:
    """Refuses what would have no effect."""
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"{name} goes with probes and has no effect without; give probes=5, for example")
