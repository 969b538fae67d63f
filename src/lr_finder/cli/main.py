"""The command line: `lr-find demo` and `lr-find run FILE.py:FUNCTION`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from typing import Any

import click

from lr_finder import MissingExtraError, NoSuggestionError, RangeTestResult, __version__, lr_find
from lr_finder.cli.compare import compare
from lr_finder.cli.options import BadUsage, Options, search_options
from lr_finder.cli.target import training_from
from lr_finder.extras import extra
from lr_finder.report.plot import save_plot
from lr_finder.report.terminal import printable, terminal_plot, terminal_width

SUGGESTION, NO_SUGGESTION = 0, 3
INTERRUPTED = 130  # as a shell reports what Ctrl-C ended


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lr-find")
def main() -> None:
    """Tells you which learning rate to start training with, and how sure it is.

    Exit status: 0 with a suggestion, 3 without one, 2 for a mistake in the arguments, 1 where the training fails.
    """


main.add_command(compare)


@main.command()
@click.argument("target", metavar="FILE.py:FUNCTION")
@search_options()
def run(target: str, **given: Any) -> None:
    """Search for the learning rate of your own training.

    FUNCTION takes no arguments and returns what lr_find() takes, for example

        return model, optimizer, loss_fn, train_loader

    A tuple is spread, and may end in a dictionary of keywords; a dictionary gives keywords, with what is trained under
    "model", "step" or "training"; anything else is the only argument. The training is left as it was.
    """
    options = Options(**given)
    with _told_plainly(options):
        options.check_files()
        # What the user's code prints must not get between a script and the rate.
        with redirect_stdout(sys.stderr) if options.quiet else nullcontext(), training_from(target) as made:
            arguments, keywords = made
            result = lr_find(*arguments, **{**keywords, **options.keywords})
        sys.exit(_report(result, options))


@main.command()
@search_options(plot="lr_find.png", json="lr_find.json")
def demo(**given: Any) -> None:
    """Search on real data that is already there, and see what the rate changes.

    A small convolutional network learns to read handwritten digits; it takes a few seconds on any machine.
    """
    options = Options(**given)
    with _told_plainly(options):
        with extra("demo"):
            import matplotlib  # noqa: F401 - what is missing is told before the search, not after it
            import torch
            import uniplot  # noqa: F401

            from lr_finder.cli.demo import make_training
        options.check_files()
        torch.set_num_threads(1)  # a network this small only gets slower with more
        result = lr_find(*make_training(), **options.keywords)
        status = _report(result, options)
        if status == SUGGESTION and not options.quiet:
            _compare(result.suggestion.lr)
        sys.exit(status)


def _compare(lr: float) -> None:
    """Trains at the rate, below it and above it, and prints what comes of it."""
    from lr_finder.cli.demo import EPOCHS, accuracy_after_training

    click.echo(f"\nDoes it matter? {EPOCHS} epochs from the same initial weights, then digits never trained on:\n")
    click.echo("  learning rate                     read correctly")
    for factor, name in ((0.1, "a tenth of it"), (1.0, "the suggestion"), (10.0, "ten times it")):
        accuracy = accuracy_after_training(factor * lr)
        click.echo(f"  {factor * lr:<10.2g}  {name:<18} {accuracy:>12.1%}")
    click.echo("\nNothing but the learning rate differs between the three.")


def _report(result: RangeTestResult, options: Options) -> int:
    """Shows a result and writes its files; the exit status."""
    status = _show(result, quiet=options.quiet)
    written = []
    try:
        if options.plot is not None:
            save_plot(result.view(), options.plot)
            written.append(options.plot)
        if options.json is not None:
            result.save(options.json)
            written.append(options.json)
    except OSError as error:
        raise click.ClickException(printable(f"could not write a file: {error}")) from None
    if written and not options.quiet:
        click.echo(printable(f"\nWrote {' and '.join(map(str, written))}."))
    return status


def _show(result: RangeTestResult, *, quiet: bool) -> int:
    if not quiet:
        _draw(result)
    try:
        suggestion = result.suggestion
    except NoSuggestionError:
        _say(result.explain(), err=True)
        return NO_SUGGESTION
    if quiet:
        click.echo(suggestion.lr)
    else:
        click.secho(f"Suggested learning rate {suggestion}", bold=True)
        click.echo()
        _say(result.explain())
    return SUGGESTION


def _draw(result: RangeTestResult) -> None:
    try:
        plot = terminal_plot(result.view())
    except MissingExtraError as error:  # the search was made, and its result is told without the plot
        plot = f"No plot here: {error}"
    click.echo(f"{plot}\n")


def _say(text: str, *, err: bool = False) -> None:
    click.echo(click.wrap_text(printable(text), width=terminal_width()), err=err)


@contextmanager
def _told_plainly(options: Options) -> Iterator[None]:
    """Tells the caller's mistakes in a line; what the user's own training raises keeps its traceback."""
    try:
        yield
    except MissingExtraError as error:
        raise click.ClickException(str(error)) from None
    except (ValueError, TypeError) as error:
        if not _is_ours(error):
            raise
        raise BadUsage(printable(str(error))) from None
    except KeyboardInterrupt as interrupt:
        click.echo("Interrupted.", err=True)
        partial = getattr(interrupt, "partial_result", None)
        if partial is not None and len(partial.lrs):
            _report(partial, options)
        sys.exit(INTERRUPTED)


def _is_ours(error: BaseException) -> bool:
    """Whether this package raised it, and not the training that it called."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith("lr_finder.")
