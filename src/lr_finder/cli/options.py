"""The options that every command of the command line has."""

import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import click

from lr_finder.cli.mistakes import BadUsage
from lr_finder.curve.horizon import ScheduleKind
from lr_finder.extras import extra

IMAGES = (".png", ".svg", ".pdf")
STANDARD_OUTPUT = Path("-")
OUTPUTS = ("plot", "report", "quiet", "json")
"""The options that are for what comes of a result."""


@dataclass(frozen=True)
class Options:
    """The options of a command: what is to come of a result, and those of a search."""

    plot: Path | None
    report: Path | None
    quiet: bool
    json: Path | None = None
    start_lr: float | None = None
    end_lr: float | None = None
    num_it: int | None = None
    by_group: bool | None = None
    probes: int | None = None
    budget: int | None = None
    warmup: bool | None = None
    total_steps: int | None = None
    schedule: str | None = None
    pool: str | None = None

    @property
    def keywords(self) -> dict[str, Any]:
        """Those that go to `lr_find`; what was left out keeps its default there."""
        given = vars(self) | {"progress": False if self.quiet else None}
        return {name: value for name, value in given.items() if value is not None and name not in OUTPUTS}

    def check_files(self) -> None:
        """Finds out before the search whether the files can be written after it."""
        check_output(plot=self.plot, report=self.report)
        if self.json is not None and not self.prints_json:
            _check_file("--json", self.json, (".json",))

    @property
    def prints_json(self) -> bool:
        """Whether standard output is for the JSON, and all that is said goes to standard error."""
        return self.json == STANDARD_OUTPUT


FILE = click.Path(dir_okay=False, writable=True, path_type=Path)
FILE_OR_DASH = click.Path(dir_okay=False, writable=True, allow_dash=True, path_type=Path)


def result_options(*, plot: str | None = None) -> Callable[..., Any]:
    """Gives a command the options that every result has; the plot is written to the file named here, if any."""
    return _all_of(
        click.option(
            "--plot", type=FILE, default=plot, show_default=True, help="Write the plot, as .png, .svg or .pdf."
        ),
        report_option(),
        click.option("--quiet", is_flag=True, help="Print the rate alone, with three digits."),
    )


def report_option() -> Callable[..., Any]:
    """Gives a command the option of a page."""
    return click.option("--report", type=FILE, help="Write one page to explore and to send, as .html.")


def check_output(*, plot: Path | None, report: Path | None) -> None:
    """Finds out before the work whether what is to show its result can be written after it."""
    if plot is not None:
        with extra("plot"):
            import matplotlib  # noqa: F401
        _check_file("--plot", plot, IMAGES)
    if report is not None:
        with extra("report"):
            import vl_convert  # noqa: F401
        _check_file("--report", report, (".html",))


def search_options(*, plot: str | None = None, json: str | None = None) -> Callable[..., Any]:
    """Gives a command the options of a search; the files named here are written where the user names none."""
    return _all_of(
        result_options(plot=plot),
        click.option(
            "--json",
            type=FILE_OR_DASH,
            default=json,
            show_default=True,
            help="Write all that was measured, as .json; - prints it, and nothing else, to standard output.",
        ),
        click.option("--start-lr", type=float, help="Rate of the first step; found out where left out."),
        click.option("--end-lr", type=float, help="Rate of the last step; found out where left out."),
        click.option("--num-it", type=int, help="Training steps to plan for; up to 200, or 100 with a range."),
        click.option(
            "--by-group/--one-rate",
            default=None,
            help="Find the ratio of the parameter groups' rates too; done for optimizers of different classes.",
        ),
        click.option("--probes", type=int, help="Rates around the suggestion to try in short trainings; none."),
        click.option("--budget", type=int, help="The most training steps that these may take together."),
        click.option(
            "--warmup", is_flag=True, default=None, help="Find out how long a warm-up it needs, in short trainings."
        ),
        click.option("--total-steps", type=int, help="Steps of the training to come, which the rate is for."),
        click.option("--schedule", type=click.Choice(get_args(ScheduleKind)), help="How its rate will run; constant."),
    )


def _all_of(*options: Callable[..., Any]) -> Callable[..., Any]:
    return lambda command: functools.reduce(lambda inner, option: option(inner), reversed(options), command)


def _check_file(option: str, path: Path, suffixes: tuple[str, ...]) -> None:
    if path.suffix.lower() not in suffixes:
        raise BadUsage(f"{option} must end in {' or '.join(suffixes)}, got {str(path)!r}")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise BadUsage(f"{option} {str(path)!r} cannot be written: {error.strerror}") from None
