"""A result as a small table: what is suggested, how sure that is, and what other rules read from the same curve."""

import math
from typing import get_args

from lr_finder import RangeTestResult
from lr_finder.curve.probe import Probe
from lr_finder.curve.rules import DEFAULT_RULE, RuleName

COLUMN = 15


def table(result: RangeTestResult) -> str:
    """One line for each thing that there is to say."""
    reach = f", {result.lrs[0]:.2g} .. {result.lrs[-1]:.2g}" if len(result.curve) else ""
    rows = [
        ("steps", f"{result.steps_taken} in all"),
        ("curve", f"{len(result.curve)} steps{reach}"),
        ("ended", result.stop_reason.value),
    ]
    if result.has_suggestion:
        suggestion = result.suggestion
        rows = [
            ("suggested rate", f"{suggestion.lr:.3g}"),
            ("interval", f"{suggestion.low:.2g} .. {suggestion.high:.2g}"),
            ("confidence", suggestion.confidence),
            *rows,
            *((f"by {rule}", f"{result.suggest(rule).lr:.2g}") for rule in get_args(RuleName) if rule != DEFAULT_RULE),
        ]
    rows += [(f"{probe.rank}. probe", f"{probe.lr:.2g}, {_fall(probe)}") for probe in result.probes]
    return "\n".join(f"{name:<{COLUMN}} {said}" for name, said in rows)


def _fall(probe: Probe) -> str:
    return "the loss ran away" if probe.fall == -math.inf else f"the loss fell by {probe.fall:.2g}"
