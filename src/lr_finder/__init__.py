"""Tells you which learning rate to start training with, and how sure it is."""

from lr_finder.core.comparison import Comparison, compare
from lr_finder.core.range_test import RangeTest
from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions, search
from lr_finder.curve.curve import Curve
from lr_finder.curve.stopping import StopReason
from lr_finder.curve.suggestion import Suggestion
from lr_finder.curve.sweep import Sweep
from lr_finder.errors import MissingExtraError, NoSuggestionError, ProcessLeftError, ResultFileError
from lr_finder.find import lr_find

__version__ = "0.1.0"

__all__ = [
    "Comparison",
    "Curve",
    "MissingExtraError",
    "NoSuggestionError",
    "ProcessLeftError",
    "RangeTest",
    "RangeTestResult",
    "ResultFileError",
    "SearchOptions",
    "StopReason",
    "Suggestion",
    "Sweep",
    "compare",
    "lr_find",
    "search",
]
