"""bnfold fold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bnfold.cli.options import (
    Data,
    FreezeInputs,
    Input,
    InputDtype,
    InputLayout,
    Json,
    Normalize,
    Seconds,
    parse_images,
    parse_shapes,
)


def fold(
    source: Annotated[Path, typer.Argument(help="An .onnx file, or a PyTorch .pt/.pth checkpoint.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The ONNX file to write.")],
    input_: Input = None,
    data: Data = None,
    json_: Json = None,
    freeze_inputs: FreezeInputs = False,
    normalize: Normalize = None,
    input_layout: InputLayout = None,
    input_dtype: InputDtype = None,
    opset: Annotated[int | None, typer.Option(help="Operator set version of the output.")] = None,
    precision: Annotated[
        Literal["fp16"] | None, typer.Option(help="Convert to float16 after folding; what that cannot hold stays.")
    ] = None,
    simplify: Annotated[bool, typer.Option("--simplify", help="Run onnxsim on the result; prove it again.")] = False,
    external_data: Annotated[
        bool, typer.Option("--external-data", help="Write the weights to a file of their own.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan, prove and measure, but write nothing.")] = False,
    verify: Annotated[bool, typer.Option(help="Prove that the model computes the same.")] = True,
    bench: Annotated[bool, typer.Option(help="Measure latency before and after.")] = True,
    seconds: Seconds = 10.0,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace the output if it exists.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List every operator.")] = False,
) -> None:
    """Fold every batch normalization and per-channel affine operator that exact algebra allows."""
    from bnfold import pipeline
    from bnfold.cli.output import progress, show
    from bnfold.report import terminal
    from bnfold.report.data import FoldDiffersError

    shapes, images = parse_shapes(input_), parse_images(normalize, input_layout, input_dtype)
    try:
        with progress() as tell:
            report = pipeline.fold(
                source,
                output=output,
                shapes=shapes,
                data=data,
                freeze_inputs=freeze_inputs,
                images=images,
                opset=opset,
                precision=precision,
                simplify=simplify,
                external_data=external_data,
                verify=verify,
                bench=bench,
                bench_seconds=seconds,
                dry_run=dry_run,
                force=force,
                progress=tell,
            ).report
    except FoldDiffersError as error:
        show(terminal.fold_report(error.report, verbose=verbose), error.report.to_json(), json_)
        raise
    show(terminal.fold_report(report, verbose=verbose, dry_run=dry_run), report.to_json(), json_)
