"""Every error that the package raises on purpose, beside the built-in ones."""

from typing import Any

PARTIAL_RESULT_NOTE = (
    "What was measured so far is on this exception as partial_result; in an interactive session that is "
    "sys.last_value.partial_result."
)
"""What a traceback says of an exception that ended a search."""


class NoSuggestionError(RuntimeError):
    """The curve does not tell a rate; the text says what was seen and what to try.

    Args:
        seen: What was seen, in a sentence.
        remedy: What to do next, in a sentence.
    """

    def __init__(self, seen: str, remedy: str = ""):
        super().__init__(seen, remedy)
        self.seen = seen
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.seen} {self.remedy}".rstrip()


class DataEndedError(Exception):
    """A loader has no more batches and can't start over; inside `with RangeTest(...)` it ends the sweep."""


class ProcessLeftError(RuntimeError):
    """Another of the processes that train together left the search; the text says which one, and on what error."""

    partial_result: Any = None


class ResultFileError(ValueError):
    """A file is not a result that this version can read."""


class MissingExtraError(ImportError):
    """An optional dependency is needed and not installed; the text holds the install line."""


class WorkerTracebackError(Exception):
    """The cause of an exception that was raised in a worker of a pool: its traceback there.

    Args:
        trace: The traceback, as text.
        module: That of the line that raised it.
    """

    def __init__(self, trace: str, module: str):
        super().__init__(trace, module)
        self.trace = trace
        self.module = module

    def __str__(self) -> str:
        return f'\n"""\n{self.trace.rstrip()}\n"""'
