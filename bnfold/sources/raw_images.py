"""Models that eat images as a camera gives them: normalization, layout and bytes become part of the graph.

    x = (raw - mean) / std                  for images of floats
    x = (raw - 255 mean) / (255 std)        for bytes, where mean and std are those of images in [0, 1]

as one Transpose, Cast, Sub and Div in front of the model, which then are operators like any other to fold. Their
constants are stored in float64, so that what they fold into is computed from the numbers that the user gave.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from bnfold import save
from bnfold.errors import NotEquivalentError, UsageError
from bnfold.graph.tensors import FLOATS
from bnfold.sources import Source
from bnfold.sources.onnx import load

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet's images in [0, 1], as torchvision's models expect them."""

BYTE = 255.0
BOUND = 1e-10
_BROADCASTS_SINCE = 7
_CHANNELS = (1, 3, 4)
_TO_NHWC, _TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)


@dataclass(frozen=True)
class RawImages:
    """What the images are that the folded model shall take.

    Attributes:
        mean, std: of the normalization, one number or one per channel; None for no normalization. Where no number
            is above 1 they are those of images in [0, 1], as in torchvision, and bytes are divided by 255 first;
            otherwise they count in the images' own units.
        layout: order of the axes of the new input.
        dtype: "uint8" for bytes, None for the type that the model has.
        input: name of the input; None for the only one that can be an image.

    It is checked where it is used: `fold` and `inspect` raise `UsageError` if it does not fit the model.

    Examples:
        >>> bytes_as_decoded = bnfold.RawImages(mean=(0.5,), std=(0.25,), layout="nhwc", dtype="uint8")
        >>> taken = bnfold.fold("model.onnx", images=bytes_as_decoded).model.graph.inputs[0]
        >>> taken.dtype.name, [str(extent) for extent in taken.shape]
        ('UINT8', ['N', '8', '8', '3'])
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    layout: Literal["nchw", "nhwc"] = "nchw"
    dtype: Literal["uint8"] | None = None
    input: str | None = None

    @property
    def full_scale(self) -> float:
        """What a raw image has where an image in [0, 1] has 1."""
        numbers = (*(self.mean or ()), *(self.std or ()))
        return BYTE if self.dtype == "uint8" and numbers and max(map(abs, numbers)) <= 1 else 1.0

    def seen(self, raw: NDArray[np.generic]) -> NDArray[np.float64]:
        """What the unchanged model must be fed for a raw image: float64 [N, C, H, W]."""
        x = np.asarray(raw, np.float64)
        x = x.transpose(_TO_NCHW) if self.layout == "nhwc" else x
        if self.mean is None or self.std is None:
            return x
        mean, std = (np.reshape(part, (-1, 1, 1)) for part in (self.mean, self.std))
        return np.asarray((x / self.full_scale - mean) / std)


@contextmanager
def taking(source: Source, images: RawImages | None) -> Iterator[Source]:
    """The source with raw images as its input; the file written for that is gone when the context ends.

    Raises:
        UsageError: no input, or more than one, can be an image, or the normalization does not fit its channels.
    """
    if images is None:
        yield source
        return
    model = load(source.path)
    name = take_raw_images(model, images)
    shapes = dict(source.shapes)
    if images.layout == "nhwc" and len(shapes.get(name, ())) == len(_TO_NHWC):
        shapes[name] = tuple(shapes[name][axis] for axis in _TO_NHWC)
    with TemporaryDirectory(prefix="bnfold-") as folder:
        path = Path(folder, "raw.onnx")
        save.write(model, path)
        yield replace(source, path=path, description=f"{source.description}, {_described(images)}", shapes=shapes)


def check_against_unchanged(
    unchanged: Path, raw: Path, images: RawImages, feeds: Mapping[str, NDArray[np.generic]]
) -> float:
    """The model with raw images against the unchanged one fed with what `RawImages.seen` says, in float64.

    Args:
        unchanged: the model as the user gave it.
        raw: the same behind `take_raw_images`.
        images: what was asked for.
        feeds: one set of inputs of `raw`.

    Returns:
        The largest max|difference| / max|reference| of any output.

    Raises:
        NotEquivalentError: it is above BOUND.
        Float64Error: an operator has no float64 implementation.
    """
    from bnfold.verification.reference import Reference
    from bnfold.verification.sensitivity import relative_error

    original = load(unchanged)
    name = _image(original, images).name or ""
    truth = Reference(original).run({**feeds, name: images.seen(feeds[name])})
    found = Reference(load(raw)).run(feeds)
    worst = max(relative_error(value, found[output]) for output, value in truth.items())
    if not worst <= BOUND:
        raise NotEquivalentError(f"Fed with raw images the model differs from the original by {worst:.1e}.")
    return worst


def take_raw_images(model: ir.Model, images: RawImages) -> str:
    """Change `model` in place; returns the name of the input that now takes raw images, which is its old name.

    Raises:
        UsageError: as `taking`.
    """
    value = _image(model, images)
    name, kind, shape = value.name or "", value.dtype, value.shape
    assert kind is not None
    assert shape is not None
    steps = _steps(images, kind)
    raw = ir.Value(name=name, type=ir.TensorType(ir.DataType.UINT8 if images.dtype else kind), shape=shape)
    if images.layout == "nhwc":
        raw.shape = ir.Shape([shape[axis] for axis in _TO_NHWC])
    model.graph.inputs[list(model.graph.inputs).index(value)] = raw
    taken = {*ir.convenience.create_value_mapping(model.graph), *(node.name for node in model.graph.all_nodes())}
    value.name = _new_name(f"{name}.image", taken)
    made: list[ir.Node] = []
    x = raw
    for step in steps:
        inputs = [x]
        if step.constant is not None:
            inputs.append(_stored(model.graph, step, taken, kind, made))
        outputs = [value] if step is steps[-1] else [ir.Value(name=_new_name(f"{step.name}.y", taken))]
        node = ir.Node("", step.op, inputs, step.attributes, outputs=outputs, name=_new_name(step.name, taken))
        made.append(node)
        x = node.outputs[0]
    first = next(iter(model.graph), None)
    if first is None:
        model.graph.extend(made)
    else:
        model.graph.insert_before(first, made)
    return name


@dataclass(frozen=True, eq=False)
class _Step:
    """A node in front of the model: its name, operator, attributes, and its second input if it has one."""

    name: str
    op: str
    attributes: tuple[ir.Attr, ...] = ()
    constant: NDArray[np.float64] | None = None


def _steps(images: RawImages, kind: ir.DataType) -> list[_Step]:
    steps = []
    if images.layout == "nhwc":
        steps.append(_Step("to_nchw", "Transpose", (ir.AttrInt64s("perm", _TO_NCHW),)))
    if images.dtype:
        steps.append(_Step("to_float", "Cast", (ir.AttrInt64("to", kind),)))
    if images.mean is not None and images.std is not None:
        mean, std = (np.reshape(part, (-1, 1, 1)) * images.full_scale for part in (images.mean, images.std))
        steps += [_Step("normalize.mean", "Sub", (), mean), _Step("normalize.std", "Div", (), std)]
    return steps or [_Step("image", "Identity")]


def _stored(graph: ir.Graph, step: _Step, taken: set[str | None], kind: ir.DataType, made: list[ir.Node]) -> ir.Value:
    """The constant of a step, stored in float64 and cast to the type of the model."""
    array = np.asarray(step.constant)
    tensor = ir.tensor(array)
    constant = ir.Value(name=_new_name(f"{step.name}.float64", taken), const_value=tensor)
    constant.shape, constant.type = ir.Shape(array.shape), ir.TensorType(ir.DataType.DOUBLE)
    graph.register_initializer(constant)
    cast = ir.Node("", "Cast", [constant], [ir.AttrInt64("to", kind)], name=_new_name(f"{step.name}.cast", taken))
    cast.outputs[0].name = _new_name(f"{step.name}.constant", taken)
    made.append(cast)
    return cast.outputs[0]


def _new_name(wanted: str, taken: set[str | None]) -> str:
    while wanted in taken:
        wanted += "'"
    taken.add(wanted)
    return wanted


def _image(model: ir.Model, images: RawImages) -> ir.Value:
    """The input that takes images."""
    inputs = [value for value in model.graph.inputs if value.name not in model.graph.initializers]
    fits = [value for value in inputs if value.dtype in FLOATS and value.shape is not None and len(value.shape) == 4]
    if images.input is None:
        fits = [value for value in fits if value.shape is not None and value.shape[1] in _CHANNELS]
    else:
        fits = [value for value in fits if value.name == images.input]
    if len(fits) != 1:
        found = ", ".join(f"{value.name} {value.dtype} {value.shape}" for value in inputs) or "none"
        wanted = "takes images of floats" if images.input is None else f"called {images.input} has 4 axes of floats"
        raise UsageError(
            f"{'More than one' if fits else 'No'} input {wanted}; name one as in `--normalize NAME:imagenet`. "
            f"The model's inputs are: {found}."
        )
    if images.mean is not None and model.opset_imports.get("", 0) < _BROADCASTS_SINCE:
        raise UsageError(f"A normalization needs opset {_BROADCASTS_SINCE} or newer; this model has an older one.")
    _check_normalization(fits[0], images)
    return fits[0]


def _check_normalization(value: ir.Value, images: RawImages) -> None:
    assert value.shape is not None
    channels = value.shape[1]
    if (images.mean is None) != (images.std is None):
        raise UsageError("A normalization needs both mean and std.")
    for name, numbers in (("mean", images.mean), ("std", images.std)):
        if numbers is None:
            continue
        if len(numbers) != 1 and len(numbers) != channels:
            raise UsageError(
                f"The normalization has {len(numbers)} numbers for {name}; {value.name} has {channels} channels."
            )
        if not all(map(isfinite, numbers)) or (name == "std" and min(numbers) <= 0):
            raise UsageError("The normalization must be of finite numbers, and std positive.")


def _described(images: RawImages) -> str:
    parts = ["raw images"]
    if images.layout == "nhwc":
        parts.append("NHWC")
    if images.dtype:
        parts.append(images.dtype)
    if images.mean is not None:
        parts.append("normalized as x / 255" if images.full_scale == BYTE else "normalized in their own units")
    return " ".join(parts)
