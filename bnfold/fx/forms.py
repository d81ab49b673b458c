"""What ONNX wants beyond a node's facts: settings that are inputs there, and targets that the result's shape tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnfold.network import Dim, Node, Tensor

Settings = dict[int, NDArray[Any]]
"""Constants by input index; a floating-point one takes the type of the data."""


class NotWritableError(Exception):
    """ONNX has no operator for this call, or needs an extent that is known at run time only."""


def settings_of(node: Node) -> tuple[Settings, dict[str, Any]]:
    """The constant inputs and the attributes that a node of a lifted network has in the operator set written.

    Raises:
        NotWritableError: it cannot be written.
    """
    attributes = dict(node.attributes)
    form = FORMS.get(node.op)
    return (form(node, attributes) if form else {}), attributes


def _moved(*names: str) -> Callable[[Node, dict[str, Any]], Settings]:
    """Attributes of old operator sets that became inputs 1, 2, ..."""

    def form(_: Node, attributes: dict[str, Any]) -> Settings:
        values = {i: attributes.pop(name) for i, name in enumerate(names, 1) if name in attributes}
        return {
            i: np.asarray(value, None if np.asarray(value).dtype.kind == "f" else np.int64)
            for i, value in values.items()
        }

    return form


def _reshape(node: Node, _: dict[str, Any]) -> Settings:
    """One extent may be unknown; more only where they stay in their place."""
    target = _shape(node.outputs[0])
    unknown = [axis for axis, dim in enumerate(target) if not isinstance(dim, int)]
    if len(unknown) == 1:
        return {1: np.asarray([-1 if axis in unknown else dim for axis, dim in enumerate(target)], np.int64)}
    source = _shape(node.inputs[0])
    if any(axis >= len(source) or source[axis] != target[axis] for axis in unknown) or 0 in target:
        raise NotWritableError("a reshape has a target that is known at run time only")
    return {1: np.asarray([0 if axis in unknown else dim for axis, dim in enumerate(target)], np.int64)}


def _expand(node: Node, _: dict[str, Any]) -> Settings:
    source, target = _shape(node.inputs[0]), _shape(node.outputs[0])
    aligned = (*(1,) * (len(target) - len(source)), *source)
    if any(not isinstance(b, int) and a != b for a, b in zip(aligned, target, strict=True)):
        raise NotWritableError("an expansion has a target that is known at run time only")
    return {1: np.asarray([dim if isinstance(dim, int) else 1 for dim in target], np.int64)}


def _split(node: Node, attributes: dict[str, Any]) -> Settings:
    extents = [_shape(part)[attributes["axis"]] for part in node.outputs]
    if not all(isinstance(extent, int) for extent in extents):
        raise NotWritableError("a split has parts whose extents are known at run time only")
    return {1: np.asarray(extents, np.int64)}


def _resize(_: Node, attributes: dict[str, Any]) -> Settings:
    if "sizes" not in attributes:
        raise NotWritableError("it is resized by a factor that its extents do not tell")
    return {3: np.asarray(attributes.pop("sizes"), np.int64)}


def _pool(node: Node, attributes: dict[str, Any]) -> Settings:
    """Torch drops a last window that begins in the padding, and ONNX may count it in."""
    if "kernel_shape" not in attributes:
        raise NotWritableError("an adaptive pool has windows of several sizes")
    if attributes.get("ceil_mode"):
        _no_window_in_the_padding(node, attributes)
    return {}


def _no_window_in_the_padding(node: Node, attributes: Mapping[str, Any]) -> None:
    pads, kernel = attributes["pads"], attributes["kernel_shape"]
    dilations = attributes.get("dilations", [1] * len(kernel))
    source, target = _shape(node.inputs[0])[2:], _shape(node.outputs[0])[2:]
    dims = zip(source, target, kernel, attributes["strides"], dilations, pads[: len(kernel)], strict=True)
    for before, after, width, stride, dilation, pad in dims:
        if not isinstance(before, int) or not isinstance(after, int):
            raise NotWritableError("a pool has extents that are known at run time only")
        rounded_up = -(-(before + 2 * pad - dilation * (width - 1) - 1) // stride) + 1
        if rounded_up != after or (node.op == "AveragePool" and any(pads)):
            raise NotWritableError("a pool's last window begins in the padding")


def _average_pool(node: Node, attributes: dict[str, Any]) -> Settings:
    attributes.setdefault("count_include_pad", 0)
    return _pool(node, attributes)


def _shape(tensor: Tensor | None) -> Sequence[Dim]:
    if tensor is None or tensor.shape is None:
        raise NotWritableError("a shape is not known")
    return tensor.shape


FORMS: Mapping[str, Callable[[Node, dict[str, Any]], Settings]] = {
    "Slice": _moved("starts", "ends", "axes", "steps"),
    "Pad": _moved("pads", "value"),
    "Clip": _moved("min", "max"),
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"), _moved("axes")),
    "Reshape": _reshape,
    "Expand": _expand,
    "Split": _split,
    "Resize": _resize,
    "MaxPool": _pool,
    "AveragePool": _average_pool,
}
