"""What a page shows of one result."""

from collections.abc import Mapping
from dataclasses import dataclass

from lr_finder.curve.suggestion import Suggestion
from lr_finder.report.view import View


@dataclass(frozen=True, eq=False)
class Run:
    """One of the results on a page.

    Args:
        view: What a picture of it shows, under its name.
        explanation: What was seen, in plain sentences.
        by_rule: What each other rule suggests; empty where there is no suggestion.
        facts: How it was made, as a name and what there is to say.
    """

    view: View
    explanation: str
    by_rule: Mapping[str, Suggestion]
    facts: Mapping[str, str]
