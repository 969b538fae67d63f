"""The command line, `lr-find`."""

from lr_finder.cli.main import main

__all__ = ["main"]
