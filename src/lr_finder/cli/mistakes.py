"""What goes wrong, in few lines: a mistake of the caller as a sentence, an error of the user's code where it is."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import click

from lr_finder.errors import PARTIAL_RESULT_NOTE, MissingExtraError, WorkerTracebackError
from lr_finder.report.terminal import printable, terminal_width, wrapped

MACHINERY = {"lr_finder", "click", "contextlib", "importlib"}
"""Packages whose frames stand between the command line and the user's code."""

HELP_WIDTH = 80


class BadUsage(click.ClickException):
    """A mistake in the arguments, told in a line without a traceback."""

    exit_code = 2


class Group(click.Group):
    """A group of commands whose errors, click's own too, break between words and hold no control characters."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the epilog in its own lines."""
        formatter.write_paragraph()
        formatter.write(f"{wrapped(self.epilog or '', formatter.width)}\n")

    def make_context(self, *arguments: Any, **keywords: Any) -> click.Context:
        """Reads the arguments of the group itself."""
        width = min(terminal_width(), HELP_WIDTH)  # click's own is never below 50
        with _errors_in_lines():
            return super().make_context(*arguments, **{"terminal_width": width, **keywords})

    def invoke(self, ctx: click.Context) -> Any:
        """Reads the arguments of a command and calls it."""
        with _errors_in_lines():
            return super().invoke(ctx)


@contextmanager
def _errors_in_lines() -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        text = wrapped(printable(f"Error: {error.format_message()}")).removeprefix("Error: ")
        error.format_message = lambda: text
        raise


@contextmanager
def told_plainly() -> Iterator[None]:
    """Tells mistakes in a sentence, and what the user's own code raises with the part of the traceback that is its own.

    Raises:
        click.ClickException: In place of any error; click prints it and ends with its status.
    """
    try:
        yield
    except (click.ClickException, BrokenPipeError):  # whoever read the output has seen enough: click ends quietly
        raise
    except MissingExtraError as error:
        raise click.ClickException(str(error)) from None
    except Exception as error:  # noqa: BLE001 - whatever the user's code raises
        if isinstance(error, (ValueError, TypeError)) and _is_ours(error):
            raise BadUsage(str(error)) from None
        if isinstance(error, RuntimeError) and _is_ours(error):
            raise click.ClickException(str(error)) from None
        _print_users_part(error)
        raise click.exceptions.Exit(1) from None


def _is_ours(error: BaseException) -> bool:
    """Whether this package raised it, and not the training that it called."""
    if isinstance(error.__cause__, WorkerTracebackError):
        return error.__cause__.module.startswith("lr_finder.")
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith("lr_finder.")


def _print_users_part(error: Exception) -> None:
    notes = getattr(error, "__notes__", [])  # Python 3.11
    if PARTIAL_RESULT_NOTE in notes:
        notes.remove(PARTIAL_RESULT_NOTE)  # of use where the exception can be caught
    text = "".join(traceback.format_exception(type(error), error, _users_part(error)))
    click.echo(printable(text), err=True, nl=False)


def _users_part(error: Exception) -> TracebackType | None:
    """The traceback from the first frame on that is not machinery; all of it where there is no other."""
    part = error.__traceback__
    while part is not None and part.tb_frame.f_globals.get("__name__", "").partition(".")[0] in MACHINERY:
        part = part.tb_next
    # A file that can't be read as Python has no frame: its line is in the error.
    return part if part is not None or isinstance(error, SyntaxError) else error.__traceback__
