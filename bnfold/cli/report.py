"""bnfold report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnfold.side_files import check_side_files


def report(
    run: Annotated[Path, typer.Argument(help="A report as JSON, from `fold --report run.json` or `fold --json`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The report to write: .html, .md or .json.")],
) -> None:
    """Render a report of an earlier fold."""
    from bnfold.errors import SourceError
    from bnfold.report import file

    file.check(output)
    check_side_files({"--output": output}, run)
    data = file.read(run)
    try:
        text = file.rendered(data, output.suffix.lower())
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise SourceError(f"{run} is damaged: it is not a report as `bnfold fold` writes it.") from error
    file.put(text, output)
    typer.echo(f"Wrote {output}.")
