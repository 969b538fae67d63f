"""Calls the command line in this process."""

from inspect import signature
from typing import Any

from click.testing import CliRunner

from lr_finder.cli import main

# Click before 8.2 has to be told to keep standard error apart, later releases always do.
SEPARATE_STREAMS = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}


def call(*arguments: object) -> Any:
    return CliRunner(**SEPARATE_STREAMS).invoke(main, [str(argument) for argument in arguments])
