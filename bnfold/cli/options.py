"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bnfold.errors import UsageError
from bnfold.objective import Objective

if TYPE_CHECKING:
    from bnfold.sources.raw_images import RawImages

Input = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="NAME:1,3,224,224", help="Shape of an input; repeat for several inputs."),
]
Json = Annotated[
    str | None, typer.Option("--json", metavar="PATH|-", help="Write the report as JSON; - is stdout alone.")
]
FreezeInputs = Annotated[
    bool, typer.Option("--freeze-inputs", help="Make constants of inputs that have a default value.")
]
Normalize = Annotated[
    str | None,
    typer.Option(
        "--normalize",
        metavar="[NAME:]MEAN,STD",
        help="Let the model take images before normalization: as many means as stds, such as `0.5,0.5`, or `imagenet`.",
    ),
]
InputLayout = Annotated[
    Literal["nchw", "nhwc"] | None, typer.Option("--input-layout", help="Axes of the images that the model shall take.")
]
InputDtype = Annotated[
    Literal["uint8"] | None, typer.Option("--input-dtype", help="Let the model take images of bytes.")
]
Merge = Annotated[bool, typer.Option(help="Make one operator of linear operators that branch and meet.")]
Arch = Annotated[
    str | None,
    typer.Option(
        "--arch",
        metavar="NAME",
        help="What a state dict belongs to: resnet50, torchvision:NAME, timm:NAME or package.module:callable.",
    ),
]
Trust = Annotated[bool, typer.Option("--trust", help="Run whatever code a PyTorch file asks for.")]
Goal = Annotated[
    Objective,
    typer.Option(
        "--objective",
        help="latency: never add work. eliminate: remove every operator that can be, for targets without BN.",
    ),
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


def parse_images(
    normalize: str | None, layout: Literal["nchw", "nhwc"] | None, dtype: Literal["uint8"] | None
) -> RawImages | None:
    """What the images are that the model shall take; None if no option says anything.

    Raises:
        UsageError: `normalize` is not of the form `[NAME:]MEAN,STD`.
    """
    if normalize is None and layout in (None, "nchw") and dtype is None:
        return None
    from bnfold.sources.raw_images import IMAGENET, RawImages

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    name, _, numbers = (normalize or "").rpartition(":")
    if normalize is not None:
        mean, std = IMAGENET if numbers == "imagenet" else _halves(numbers)
    return RawImages(mean, std, layout or "nchw", dtype, name or None)


def _halves(numbers: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """As many means as stds, from `MEAN,...,STD,...`."""
    try:
        parts = tuple(map(float, numbers.split(",")))
    except ValueError:
        parts = ()
    if not parts or len(parts) % 2:
        raise UsageError(f"--normalize {numbers!r} is neither imagenet nor as many means as stds, such as 0.5,0.5.")
    return parts[: len(parts) // 2], parts[len(parts) // 2 :]
