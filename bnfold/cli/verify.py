"""bnfold verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnfold.cli.options import Data, Input, Json, parse_shapes


def verify(
    reference: Annotated[Path, typer.Argument(help="The model to trust.")],
    candidate: Annotated[Path, typer.Argument(help="The model to judge.")],
    input_: Input = None,
    data: Data = None,
    json_: Json = None,
) -> None:
    """Judge whether two models with the same interface compute the same."""
    from bnfold.cli.output import progress, show
    from bnfold.errors import NotEquivalentError
    from bnfold.judge import verify as judge
    from bnfold.report import terminal

    with progress() as tell:
        tell("verifying")
        verification = judge(reference, candidate, shapes=parse_shapes(input_), data=data)
    show(terminal.verification(verification), verification.to_json(), json_)
    if verification.verdict == "different":
        raise NotEquivalentError(f"{candidate} does not compute what {reference} computes.")
