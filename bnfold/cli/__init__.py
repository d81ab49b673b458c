"""The command line: one file per command, no logic in them."""

from bnfold.cli.app import main

__all__ = ["main"]
