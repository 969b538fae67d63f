"""The command line: `lr-find demo`, `lr-find run FILE.py:FUNCTION` and `lr-find show FILE.json`."""

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

import click

from lr_finder import MissingExtraError, NoSuggestionError, RangeTestResult, __version__, lr_find
from lr_finder.cli.compare import compare
from lr_finder.cli.completion import Target
from lr_finder.cli.mistakes import Group, told_plainly
from lr_finder.cli.options import Options, result_options, search_options
from lr_finder.cli.table import table
from lr_finder.cli.target import Making, training_from
from lr_finder.extras import extra
from lr_finder.report.plot import save_plot
from lr_finder.report.terminal import printable, terminal_plot, wrapped

SUGGESTION, NO_SUGGESTION = 0, 3
INTERRUPTED = 130  # as a shell reports what Ctrl-C ended


COMPLETION = (
    "The Tab key completes commands, files and functions with this line in ~/.bashrc; in ~/.zshrc it is zsh_source:\n"
    '  eval "$(_LR_FIND_COMPLETE=bash_source lr-find)"\n'
    "In fish it is\n"
    "  _LR_FIND_COMPLETE=fish_source lr-find | source"
)


@click.group(cls=Group, epilog=COMPLETION, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lr-find")
def main() -> None:
    """Tells you which learning rate to start training with, and how sure it is.

    Exit status: 0 with a suggestion, 3 without one, 2 for a mistake in the arguments, 1 where the training fails.
    """


main.add_command(compare)


@main.command(short_help="Search for your training.")
@click.argument("target", metavar="FILE.py:FUNCTION", type=Target())
@search_options()
@click.option(
    "--pool", type=click.Choice(["processes", "ray"]), help="Where to train at several probes' rates at once."
)
def run(target: str, **given: Any) -> None:
    """Search for the learning rate of your own training.

    FUNCTION takes no arguments and returns what lr_find() takes, for example

      return model, optimizer, loss_fn, train_loader

    A tuple is spread, and may end in a dictionary of keywords; a dictionary gives keywords, with what is trained under
    "model", "step" or "training"; anything else is the only argument. The training is left as it was. Instead of a
    file a module may be named, package.train:FUNCTION.
    """
    options = Options(**given)
    with _interruptible(options):
        options.check_files()
        prints_apart = options.quiet or options.prints_json
        with _output_kept_apart(prints_apart):
            if options.pool is not None:
                result = lr_find(Making(target, prints_apart), **options.keywords)
            else:
                with training_from(target) as (arguments, keywords):
                    result = lr_find(*arguments, **{**keywords, **options.keywords})
        sys.exit(_report(result, options))


@main.command(short_help="Try it on real data.")
@search_options(plot="lr_find.png", json="lr_find.json")
def demo(**given: Any) -> None:
    """Search on real data that is already there, and see what the rate changes.

    A small convolutional network learns to read handwritten digits; it takes a few seconds on any machine.
    """
    options = Options(**given)
    with _interruptible(options):
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
            with _output_kept_apart(options.prints_json):
                _compare(result.suggestion.lr)
        sys.exit(status)


@main.command(short_help="Show a saved result.")
@click.argument("file", metavar="FILE.json", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@result_options()
def show(file: Path, **given: Any) -> None:
    """Show a result that was saved: a table, the curve, what it means.

    FILE.json is what --json or result.save() wrote.
    """
    options = Options(**given)
    with told_plainly():
        options.check_files()
        result = RangeTestResult.load(file)
        if not options.quiet:
            _say(f"{table(result)}\n")
        sys.exit(_report(result, options))


def _compare(lr: float) -> None:
    """Trains at the rate, below it and above it, and prints what comes of it, and what to do next."""
    from lr_finder.cli.demo import EPOCHS, accuracy_after_training

    _say(f"\nDoes it matter? {EPOCHS} epochs from the same initial weights, then digits never trained on:\n")
    click.echo(f"  {'rate':<9} {'read correctly':>24}")
    for factor, name in ((0.1, "a tenth of it"), (1.0, "the suggestion"), (10.0, "ten times it")):
        click.echo(f"  {factor * lr:<9.2g} {name:<14} {accuracy_after_training(factor * lr):>9.1%}")
    _say(
        "\nNothing but the learning rate differs between the three.\n\n"
        "Next, your own training: let a function make() in train.py return model, optimizer, loss_fn, train_loader. "
        "This searches, and saves the picture too:\n"
        "  lr-find run train.py:make --plot lr.png"
    )


def _report(result: RangeTestResult, options: Options) -> int:
    """Shows a result and writes its files; the exit status."""
    with _output_kept_apart(options.prints_json):
        status = _show(result, quiet=options.quiet)
    written = []
    try:
        if options.plot is not None:
            save_plot(result.view(), options.plot)
            written.append(options.plot)
        if options.report is not None:
            result.report(options.report)
            written.append(options.report)
        if options.json is not None and not options.prints_json:
            result.save(options.json)
            written.append(options.json)
    except OSError as error:
        raise click.ClickException(f"could not write a file: {error}") from None
    if options.prints_json:
        click.echo(json.dumps(result.to_dict(), indent=1))
    if written and not options.quiet:
        with _output_kept_apart(options.prints_json):
            _say(f"\nWrote {' and '.join(', '.join(map(str, written)).rsplit(', ', 1))}.")
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
        click.echo(f"{suggestion.lr:.3g}")
    else:
        click.secho(wrapped(f"Suggested learning rate {suggestion}"), bold=True)
        _say(f"\n{result.explain()}")
    return SUGGESTION


def _draw(result: RangeTestResult) -> None:
    try:
        click.echo(f"{terminal_plot(result.view())}\n")
    except MissingExtraError as error:  # the search was made, and its result is told without the plot
        _say(f"No plot here: {error}; or let --plot lr.png save it as a picture.\n")


def _say(text: str, *, err: bool = False) -> None:
    click.echo(wrapped(printable(text)), err=err)


def _output_kept_apart(keeps: bool) -> AbstractContextManager[object]:
    """What is printed inside the block goes to standard error, so that a script finds nothing but what it asked for."""
    return redirect_stdout(sys.stderr) if keeps else nullcontext()


@contextmanager
def _interruptible(options: Options) -> Iterator[None]:
    """Tells mistakes plainly; after a Ctrl-C, what was seen until then is reported."""
    try:
        with told_plainly():
            yield
    except KeyboardInterrupt as interrupt:
        click.echo("Interrupted.", err=True)
        partial = getattr(interrupt, "partial_result", None)
        if partial is not None and len(partial.lrs):
            _report(partial, options)
        sys.exit(INTERRUPTED)
