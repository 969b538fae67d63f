"""The options that every command of the command line has."""

import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from lr_finder.extras import extra
from lr_finder.report.terminal import printable

IMAGES = (".png", ".svg", ".pdf")


class BadUsage(click.ClickException):
    """A mistake in the arguments, told in a line without a traceback."""

    exit_code = 2


@dataclass(frozen=True)
class Options:
    """The options that every search has."""

    plot: Path | None
    json: Path | None
    quiet: bool
    start_lr: float | None
    end_lr: float | None
    num_it: int | None
    probes: int | None
    budget: int | None

    @property
    def keywords(self) -> dict[str, Any]:
        """Those that go to `lr_find`; what was left out keeps its default there."""
        names = ("start_lr", "end_lr", "num_it", "probes", "budget")
        given = {name: getattr(self, name) for name in names} | {"progress": False if self.quiet else None}
        return {name: value for name, value in given.items() if value is not None}

    def check_files(self) -> None:
        """Finds out before the search whether the files can be written after it."""
        check_output(plot=self.plot)
        if self.json is not None:
            _check_file("--json", self.json, (".json",))


FILE = click.Path(dir_okay=False, writable=True, path_type=Path)


def check_output(*, plot: Path | None) -> None:
    """Finds out before the work whether what is to show its result can be written after it."""
    if plot is not None:
        with extra("plot"):
            import matplotlib  # noqa: F401
        _check_file("--plot", plot, IMAGES)


def search_options(*, plot: str | None = None, json: str | None = None) -> Callable[..., Any]:
    """Gives a command the options of a search; the files named here are written where the user names none."""
    options = (
        click.option(
            "--plot", type=FILE, default=plot, show_default=True, help="Write the plot, as .png, .svg or .pdf."
        ),
        click.option(
            "--json", type=FILE, default=json, show_default=True, help="Write all that was measured, as .json."
        ),
        click.option("--quiet", is_flag=True, help="Print the rate alone."),
        click.option("--start-lr", type=float, help="Rate of the first step; found out where left out."),
        click.option("--end-lr", type=float, help="Rate of the last step; found out where left out."),
        click.option("--num-it", type=int, help="Training steps to plan for; up to 200, or 100 with a range."),
        click.option("--probes", type=int, help="Rates around the suggestion to try in short trainings; none."),
        click.option("--budget", type=int, help="The most training steps that these may take together."),
    )
    return lambda command: functools.reduce(lambda inner, option: option(inner), reversed(options), command)


def _check_file(option: str, path: Path, suffixes: tuple[str, ...]) -> None:
    if path.suffix.lower() not in suffixes:
        raise BadUsage(printable(f"{option} must end in {' or '.join(suffixes)}, got {str(path)!r}"))
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise BadUsage(printable(f"{option} {str(path)!r} cannot be written: {error.strerror}")) from None
