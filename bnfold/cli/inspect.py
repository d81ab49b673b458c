"""bnfold inspect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnfold.cli.options import (
    Arch,
    FreezeInputs,
    Goal,
    Input,
    InputDtype,
    InputLayout,
    Json,
    Merge,
    Normalize,
    Trust,
    parse_images,
    parse_shapes,
)
from bnfold.objective import Objective
from bnfold.side_files import check_side_files


def inspect(
    source: Annotated[Path, typer.Argument(help="An .onnx file, or a PyTorch file as `fold` reads it.")],
    input_: Input = None,
    json_: Json = None,
    freeze_inputs: FreezeInputs = False,
    merge: Merge = True,
    objective: Goal = Objective.LATENCY,
    normalize: Normalize = None,
    input_layout: InputLayout = None,
    input_dtype: InputDtype = None,
    arch: Arch = None,
    trust: Trust = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List every operator.")] = False,
) -> None:
    """Say what would be folded and what would stay, and why; write and run nothing."""
    from bnfold import inspection
    from bnfold.cli.output import progress, show
    from bnfold.report import terminal

    check_side_files({"--json": json_}, source)
    with progress() as tell:
        tell("reading and solving")
        images = parse_images(normalize, input_layout, input_dtype)
        report = inspection.inspect(
            source,
            shapes=parse_shapes(input_),
            freeze_inputs=freeze_inputs,
            merge=merge,
            objective=objective,
            images=images,
            arch=arch,
            trust=trust,
        )
    show(terminal.inspect_report(report, verbose=verbose), report.to_json(), json_)
