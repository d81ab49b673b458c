"""bnfold verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bnfold.cli.options import Arch, Json, Trust
from bnfold.cli.proof_options import (
    TIMEOUT,
    Atol,
    Data,
    Inputs,
    Mean,
    Memory,
    Plot,
    Rtol,
    Size,
    Std,
    Thorough,
    Timeout,
    parse_preprocess,
    parse_settings,
    parse_variants,
)
from bnfold.refusal import refuse
from bnfold.side_files import check_side_files


def verify(
    reference: Annotated[Path, typer.Argument(help="The model to trust.")],
    candidate: Annotated[Path, typer.Argument(help="The model to judge.")],
    input_: Inputs = None,
    data: Data = None,
    mean: Mean = None,
    std: Std = None,
    size: Size = None,
    atol: Atol = None,
    rtol: Rtol = None,
    timeout: Timeout = TIMEOUT,
    memory: Memory = None,
    thorough: Thorough = False,
    plot: Plot = None,
    arch: Arch = None,
    trust: Trust = False,
    json_: Json = None,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", help="Check this proof of `fold` instead of running anything.")
    ] = None,
) -> None:
    """Judge whether two models with the same interface compute the same."""
    from bnfold.cli.output import progress, show
    from bnfold.errors import NotEquivalentError
    from bnfold.judge import verify as judge
    from bnfold.report.plots import growth, style
    from bnfold.report.verdict import verification as told

    shapes, *more = parse_variants(input_)
    check_side_files({"--json": json_, "--plot": plot}, reference, candidate, certificate, data)
    if certificate is not None:
        refuse(
            "A certificate is checked without running anything, where",
            {
                "another --input shape": bool(more),
                "--data": data is not None,
                "--mean, --std and --size": (mean, std, size) != (None, None, None),
                "--atol and --rtol": bool(atol or rtol),
                "--timeout and --memory": timeout != TIMEOUT or memory is not None,
                "--thorough": thorough,
                "--plot": plot is not None,
            },
        )
        _check(reference, candidate, certificate, json_, shapes=shapes, arch=arch, trust=trust)
        return
    if plot is not None:
        style.check(plot)
    with progress() as tell:
        verification = judge(
            reference,
            candidate,
            shapes=shapes,
            more_shapes=more,
            data=data,
            preprocess=parse_preprocess(mean, std, size, data),
            settings=parse_settings(atol, rtol, timeout, memory, thorough=thorough),
            arch=arch,
            trust=trust,
            progress=tell,
        )
    if plot is not None:
        growth.draw(verification, plot)
    show(told(verification), verification.to_json(), json_)
    if verification.verdict == "different":
        raise NotEquivalentError(f"{candidate} does not compute what {reference} computes.")


def _check(reference: Path, candidate: Path, certificate: Path, json_: str | None, **options: Any) -> None:
    from bnfold.cli.output import progress, show
    from bnfold.errors import NotEquivalentError
    from bnfold.judge import verify_certificate
    from bnfold.report.proof import certificate_report

    with progress() as tell:
        tell("checking every operator's equation")
        proof = verify_certificate(reference, candidate, certificate, **options)
    show(certificate_report(proof), proof.to_json(), json_)
    if not proof.proved:
        raise NotEquivalentError(f"{certificate} does not prove that {candidate} computes what {reference} computes.")
