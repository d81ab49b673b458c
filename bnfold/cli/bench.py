"""bnfold bench."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnfold.cli.options import Input, Json, Seconds, parse_shapes


def bench(
    models: Annotated[list[Path], typer.Argument(help="Models to measure; the first is the reference.")],
    input_: Input = None,
    json_: Json = None,
    seconds: Seconds = 20.0,
    threads: Annotated[int, typer.Option(min=1, help="Intra-op threads of each session.")] = 1,
) -> None:
    """Measure latency on ONNX Runtime, without and with its own graph optimizations."""
    from bnfold.cli.output import progress, show
    from bnfold.measure import bench as measure
    from bnfold.report import terminal

    with progress() as tell:
        tell("measuring latency")
        result = measure(models, shapes=parse_shapes(input_), seconds=seconds, threads=threads)
    show(terminal.benchmark(result), result.to_json(), json_)
