"""The `bnfold` command and what all its subcommands share."""

from __future__ import annotations

import io
import signal
import sys
from typing import Annotated

import typer

from bnfold.cli import guard
from bnfold.cli.bench import bench
from bnfold.cli.deferred import defer
from bnfold.cli.diff import diff
from bnfold.cli.fold import fold
from bnfold.cli.inspect import inspect
from bnfold.cli.report import report
from bnfold.cli.verify import verify

app: typer.Typer = typer.Typer(
    name="bnfold",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"bnfold {version('bnfold')}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the Python traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Fold batch normalization out of trained CNNs, and prove that nothing changed."""
    guard.debug = debug


for _command in (fold, inspect, verify, bench, report, diff):
    app.command()(guard.guarded(_command))


def main() -> None:
    """Run the command line; exits with the code that `bnfold.errors` documents."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Unicode still gets its report
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)  # clean up as after Ctrl-C
    defer()
    try:
        app()
    except KeyboardInterrupt:
        raise SystemExit(guard.INTERRUPTED) from None
