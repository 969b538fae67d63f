"""`lr-find compare a.json b.json`: saved results side by side."""

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from lr_finder import Comparison, RangeTestResult, ResultFileError
from lr_finder import compare as side_by_side
from lr_finder.cli.mistakes import BadUsage
from lr_finder.cli.options import FILE, check_output, report_option
from lr_finder.report.plot import save_plot
from lr_finder.report.terminal import printable

SUGGESTION, NO_SUGGESTION = 0, 3


@click.command(short_help="Compare saved results.")
@click.argument("files", metavar="FILE.json[=NAME]...", nargs=-1, required=True)
@click.option("--plot", type=FILE, help="Write the curves over each other, as .png, .svg or .pdf.")
@report_option()
def compare(files: tuple[str, ...], plot: Path | None, report: Path | None) -> None:
    """Put saved results side by side: optimizers, batch sizes, weight decays.

    FILE.json is what --json or result.save() wrote. A result has the name of its file where none is given.
    """
    check_output(plot=plot, report=report)
    comparison = _loaded(files)
    click.echo(printable(comparison.table()))
    try:
        if plot is not None:
            save_plot(comparison.views(), plot)
        if report is not None:
            comparison.report(report)
    except OSError as error:
        raise click.ClickException(printable(f"could not write a file: {error}")) from None
    written = [str(path) for path in (plot, report) if path is not None]
    if written:
        click.echo(printable(f"\nWrote {' and '.join(written)}."))
    any_suggestion = any(result.has_suggestion for result in comparison.results.values())
    sys.exit(SUGGESTION if any_suggestion else NO_SUGGESTION)


def _loaded(files: Iterable[str]) -> Comparison:
    results: dict[str, RangeTestResult] = {}
    for given in files:
        path, name = _path_and_name(given)
        if name in results:
            raise BadUsage(printable(f"two results are called {name!r}; name one of them: {path}=NAME"))
        try:
            results[name] = RangeTestResult.load(path)
        except (OSError, ResultFileError) as error:
            raise BadUsage(printable(str(error))) from None
    return side_by_side(results)


def _path_and_name(given: str) -> tuple[Path, str]:
    """A file with the name that was given behind it, or its own; an equals sign may also be part of a path."""
    path, equals, name = given.rpartition("=")
    if not equals or Path(given).exists():
        return Path(given), Path(given).stem
    return Path(path), name
