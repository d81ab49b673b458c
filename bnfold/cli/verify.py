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
    certificate: Annotated[
        Path | None, typer.Option("--certificate", help="Check this proof of `fold` instead of running anything.")
    ] = None,
) -> None:
    """Judge whether two models with the same interface compute the same."""
    from bnfold.cli.output import progress, show
    from bnfold.errors import NotEquivalentError
    from bnfold.judge import verify as judge
    from bnfold.report import terminal

    if certificate is not None:
        _check(reference, candidate, certificate, input_, json_)
        return
    with progress() as tell:
        tell("verifying")
        verification = judge(reference, candidate, shapes=parse_shapes(input_), data=data)
    show(terminal.verification(verification), verification.to_json(), json_)
    if verification.verdict == "different":
        raise NotEquivalentError(f"{candidate} does not compute what {reference} computes.")


def _check(reference: Path, candidate: Path, certificate: Path, input_: list[str] | None, json_: str | None) -> None:
    from bnfold.cli.output import progress, show
    from bnfold.errors import NotEquivalentError
    from bnfold.judge import verify_certificate
    from bnfold.report.proof import certificate_report

    with progress() as tell:
        tell("checking every operator's equation")
        proof = verify_certificate(reference, candidate, certificate, shapes=parse_shapes(input_))
    show(certificate_report(proof), proof.to_json(), json_)
    if not proof.proved:
        raise NotEquivalentError(f"{certificate} does not prove that {candidate} computes what {reference} computes.")
