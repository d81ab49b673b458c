"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnfold.errors import UsageError

Input = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="NAME:1,3,224,224", help="Shape of an input; repeat for several inputs."),
]
Json = Annotated[
    str | None, typer.Option("--json", metavar="PATH|-", help="Write the report as JSON; - is stdout alone.")
]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="An .npz with samples under the input's name (or `input`) and optional `labels`."),
]
FreezeInputs = Annotated[
    bool, typer.Option("--freeze-inputs", help="Make constants of inputs that have a default value.")
]
Seconds = Annotated[float, typer.Option("--seconds", min=0.1, help="How long to measure latency.")]


def parse_shapes(inputs: list[str] | None) -> dict[str, tuple[int, ...]]:
    """Shapes by input name, from `NAME:1,3,224,224`.

    Raises:
        UsageError: an entry is not of that form.
    """
    shapes = {}
    for entry in inputs or []:
        name, colon, extents = entry.rpartition(":")
        try:
            shape = tuple(int(extent) for extent in extents.replace("x", ",").split(","))
        except ValueError:
            shape = ()
        if not colon or not shape or min(shape) < 1:
            raise UsageError(f"--input {entry} is not of the form NAME:1,3,224,224.")
        shapes[name] = shape
    return shapes
