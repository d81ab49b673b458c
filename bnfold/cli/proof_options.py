"""Options that say how a proof is made: inputs, samples, tolerances and limits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bnfold.cli.options import parse_shapes
from bnfold.errors import UsageError

if TYPE_CHECKING:
    from bnfold.verification import Preprocess, Settings

Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="NAME:1,3,224,224",
        help="Shape of an input; repeat for several inputs, and for further shapes of one input, such as batch sizes.",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="An .npz with samples under the input's name (or `input`) and optional `labels`, or a folder of images.",
    ),
]
Mean = Annotated[str | None, typer.Option("--mean", metavar="M[,M,M]", help="Subtracted from images, full range 1.")]
Std = Annotated[str | None, typer.Option("--std", metavar="S[,S,S]", help="Images are divided by it, after --mean.")]
Size = Annotated[str | None, typer.Option("--size", metavar="H[,W]", help="Images are scaled and cropped to it.")]
Atol = Annotated[
    list[str] | None,
    typer.Option("--atol", metavar="[OUTPUT:]V", help="Absolute tolerance in the place of the measured one."),
]
Rtol = Annotated[
    list[str] | None,
    typer.Option("--rtol", metavar="[OUTPUT:]V", help="The same, relative to the largest value of the output."),
]
TIMEOUT = 600.0
"""Seconds."""
Timeout = Annotated[float, typer.Option("--timeout", min=0.001, help="Seconds that one run of ONNX Runtime may take.")]
Memory = Annotated[
    int | None,
    typer.Option("--memory", min=1, metavar="MIB", help="Memory that it may take; by default 90 % of the machine's."),
]
Thorough = Annotated[bool, typer.Option("--thorough", help="Run every batch of inputs, however large the network is.")]
Plot = Annotated[
    Path | None, typer.Option("--plot", help="Draw the error of every tensor along the network (.svg, .png, .pdf).")
]


def parse_variants(inputs: list[str] | None) -> list[dict[str, tuple[int, ...]]]:
    """Shapes by input name; a name that comes again opens the next entry.

    Raises:
        UsageError: an entry is not of the form NAME:1,3,224,224.
    """
    variants: list[dict[str, tuple[int, ...]]] = [{}]
    for entry in inputs or []:
        for name, shape in parse_shapes([entry]).items():
            free = next((variant for variant in variants if name not in variant), None)
            if free is None:
                variants.append(free := {})
            free[name] = shape
    return variants


def parse_settings(
    atol: list[str] | None,
    rtol: list[str] | None,
    timeout: float,
    memory: int | None,
    *,
    thorough: bool = False,
    trace: bool = False,
) -> Settings:
    """Tolerances, limits, and whether every batch runs.

    Raises:
        UsageError: a tolerance is no number.
    """
    from bnfold.isolation import Limits
    from bnfold.verification import Settings, Tolerances

    limits = Limits(timeout, None if memory is None else memory << 20)
    return Settings(
        Tolerances(_tolerance("--atol", atol), _tolerance("--rtol", rtol)), limits, trace, thorough=thorough
    )


def parse_preprocess(mean: str | None, std: str | None, size: str | None, data: Path | None) -> Preprocess | None:
    """How images become numbers; None if nothing is said of it.

    Raises:
        UsageError: an entry is not a list of numbers, or there are no images.
    """
    if (mean, std, size) == (None, None, None):
        return None
    from bnfold.verification import Preprocess

    extents = _numbers("--size", size or "0")
    if len(extents) > 2 or (size is not None and (min(extents) < 1 or any(n != int(n) for n in extents))):
        raise UsageError(f"--size {size} is not of the form 224 or 224,320.")
    height, width = int(extents[0]), int(extents[-1])
    found = Preprocess(
        _numbers("--mean", mean or "0"), _numbers("--std", std or "1"), None if size is None else (height, width)
    )
    if data is None:
        raise UsageError("--mean, --std and --size are for a folder of images; name one with --data.")
    return found


def _tolerance(option: str, entries: list[str] | None) -> dict[str, float]:
    found = {}
    for entry in entries or []:
        output, _, number = entry.rpartition(":")
        try:
            found[output] = float(number)
        except ValueError:
            raise UsageError(f"{option} {entry} is not of the form 1e-3 or OUTPUT:1e-3.") from None
    return found


def _numbers(option: str, entry: str) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in entry.split(","))
    except ValueError:
        raise UsageError(f"{option} {entry} is not a number, or several with commas between.") from None
