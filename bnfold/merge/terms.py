"""Operators as linear maps of one tensor: what merging can take in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bnfold.affine import Array
from bnfold.affine_operators import OPERATORS, affine_of
from bnfold.merge.maps import LinearMap
from bnfold.merge.span import Span
from bnfold.merge.window import Window
from bnfold.network import Node, OpaqueError, Tensor

LAYERS = frozenset({"Conv", "Gemm", "MatMul"})
"""Operators whose weights can hold a merged region."""


@dataclass(frozen=True)
class Term:
    """One operator as a linear map.

    Attributes:
        x: the tensor it maps.
        window: the shape of the map; None if it multiplies every element with the same number.
        map: computes its numbers.
        biased: computes whether it adds anything.
    """

    x: Tensor
    window: Window | None
    map: Callable[[], LinearMap]
    biased: Callable[[], bool]


def read(node: Node) -> Term | None:
    """The operator as a linear map of its one variable input, or None if it is no such map or that is not known."""
    reader = READERS.get(node.op)
    if reader is None or node.opaque or any(tensor is not None and tensor.quantization for tensor in node.inputs):
        return None  # merged, the integers of a quantized weight would be lost
    try:
        return reader(node)
    except OpaqueError:
        return None


def _conv(node: Node) -> Term:
    x, weight = _variable(node, 0), _constant(node, 1)
    outputs, per_group, *kernel = weight.shape
    groups = int(node.attributes.get("group", 1))
    window = Window(1, per_group * groups, outputs, groups, _spans(node, x, kernel))
    bias = _constant(node, 2) if node.input(2) is not None else None

    def numbers() -> LinearMap:
        return LinearMap(window, weight.value(), _bias(bias, outputs))

    return Term(x, window, numbers, lambda: bias is not None and bool(bias.value().any()))


def _gemm(node: Node) -> Term:
    x, weight, attributes = _variable(node, 0), _constant(node, 1), node.attributes
    if attributes.get("transA", 0):
        raise OpaqueError
    transposed = bool(attributes.get("transB", 0))
    outputs, inputs = weight.shape if transposed else weight.shape[::-1]
    bias = _constant(node, 2) if node.input(2) is not None else None
    if bias is not None and math.prod(bias.shape) not in (1, *bias.shape[-1:]):
        raise OpaqueError
    window = Window(1, inputs, outputs, 1)
    alpha, beta = float(attributes.get("alpha", 1.0)), float(attributes.get("beta", 1.0))

    def numbers() -> LinearMap:
        matrix = weight.value() if transposed else weight.value().T
        return LinearMap(window, alpha * matrix, beta * _bias(bias, outputs))

    return Term(x, window, numbers, lambda: bias is not None and bool(beta and bias.value().any()))


def _matmul(node: Node) -> Term:
    x, weight = _variable(node, 0), _constant(node, 1)
    rank = _rank(x)
    if node.version < 7 or len(weight.shape) != 2 or rank < 2:
        raise OpaqueError
    inputs, outputs = weight.shape
    bias = _constant(node, 2) if node.input(2) is not None else None
    window = Window(rank - 1, inputs, outputs, 1)

    def numbers() -> LinearMap:
        return LinearMap(window, weight.value().T, _bias(bias, outputs))

    return Term(x, window, numbers, lambda: bias is not None and bool(bias.value().any()))


def _affine(node: Node) -> Term:
    affine = affine_of(node)
    x = next(tensor for tensor in node.inputs if tensor is not None and tensor.constant is None)
    along = [axis for axis, extent in enumerate(affine.scale.shape) if extent > 1]
    if not along:
        scale, shift = float(affine.scale.reshape(())), float(affine.shift.reshape(()))
        return Term(x, None, lambda: LinearMap.scalar(scale, shift), lambda: shift != 0)
    (axis,) = along
    window = Window.per_channel(axis, affine.scale.shape[axis], affine.scale.ndim)
    if x.extent(axis) != window.inputs or axis == 0:
        raise OpaqueError

    def numbers() -> LinearMap:
        return LinearMap(window, affine.scale.reshape(window.weight_shape), affine.shift.reshape(-1))

    return Term(x, window, numbers, lambda: bool(affine.shift.any()))


def _negate(node: Node) -> Term:
    return Term(_variable(node, 0), None, lambda: LinearMap.scalar(-1.0), lambda: False)


def _identity(node: Node) -> Term:
    if node.op == "Dropout" and (node.version < 7 or len(node.outputs) > 1 or node.input(2) is not None):
        raise OpaqueError
    return Term(_variable(node, 0), None, lambda: LinearMap.scalar(1.0), lambda: False)


def _average_pool(node: Node) -> Term:
    x, attributes = _variable(node, 0), node.attributes
    channels, kernel = x.extent(1), [int(extent) for extent in attributes.get("kernel_shape", ())]
    if channels is None or not kernel or attributes.get("ceil_mode", 0):  # adaptive windows have several sizes
        raise OpaqueError
    window = Window(1, channels, channels, channels, _spans(node, x, kernel))
    if window.pads and not attributes.get("count_include_pad", 0):
        raise OpaqueError
    share = 1 / math.prod(kernel)

    def numbers() -> LinearMap:
        return LinearMap(window, np.full(window.weight_shape, share), np.zeros(channels))

    return Term(x, window, numbers, lambda: False)


def _pad(node: Node) -> Term:
    x = _variable(node, 0)
    pads, value, axes = (node.parameter(*setting) for setting in ((1, "pads"), (2, "value"), (3, "axes")))
    channels, rank = x.extent(1), _rank(x)
    if node.attributes.get("mode", "constant") not in ("constant", b"constant") or pads is None or channels is None:
        raise OpaqueError
    if value is not None and np.asarray(value, np.float64).any():
        raise OpaqueError
    named = range(rank) if axes is None else [int(axis) % rank for axis in axes]
    amounts = np.zeros((2, rank), np.int64)
    amounts[:, list(named)] = np.asarray(pads, np.int64).reshape(2, -1)
    if (amounts < 0).any() or amounts[:, :2].any() or rank < 3:
        raise OpaqueError
    spans = tuple(Span.padded(1, 1, 1, int(front), int(back)) for front, back in amounts[:, 2:].T)
    window = Window(1, channels, channels, channels, spans)

    def numbers() -> LinearMap:
        return LinearMap(window, np.ones(window.weight_shape), np.zeros(channels))

    return Term(x, window, numbers, lambda: False)


READERS: Mapping[str, Callable[[Node], Term]] = {
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "AveragePool": _average_pool,
    "Pad": _pad,
    "Neg": _negate,
    "Identity": _identity,
    "Dropout": _identity,
    **dict.fromkeys(OPERATORS, _affine),
}


def _spans(node: Node, x: Tensor, kernel: list[int]) -> tuple[Span, ...]:
    """The windows along the spatial axes, with the padding that `auto_pad` asks for."""
    attributes, rank = node.attributes, len(kernel)
    strides = attributes.get("strides") or [1] * rank
    dilations = attributes.get("dilations") or [1] * rank
    pads = [int(pad) for pad in attributes.get("pads") or [0] * (2 * rank)]
    mode = attributes.get("auto_pad", "NOTSET")
    spans = []
    for i, extent in enumerate(kernel):
        stride, dilation = int(strides[i]), int(dilations[i])
        front, back = pads[i], pads[rank + i]
        if mode != "NOTSET":
            front, back = _same(mode, x.extent(i + 2), extent, stride, dilation)
        if front < 0 or back < 0:
            raise OpaqueError
        spans.append(Span.padded(extent, stride, dilation, front, back))
    return tuple(spans)


def _same(mode: str, inputs: int | None, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    reach = (kernel - 1) * dilation
    if mode == "VALID" or (reach == 0 and stride == 1):
        return 0, 0
    if stride > 1 and inputs is None:
        raise OpaqueError
    total = reach if stride == 1 else max(0, ((inputs or 0) - 1) // stride * stride + reach + 1 - (inputs or 0))
    less, more = total // 2, total - total // 2
    return (less, more) if mode == "SAME_UPPER" else (more, less)


@dataclass(frozen=True)
class _Parameter:
    tensor: Tensor
    shape: tuple[int, ...]

    def value(self) -> Array:
        return np.asarray(self.tensor.value(), np.float64)


def _constant(node: Node, index: int) -> _Parameter:
    tensor = node.input(index)
    if tensor is None or tensor.constant is None or not tensor.floating:
        raise OpaqueError
    return _Parameter(tensor, tuple(int(extent) for extent in tensor.constant.shape))


def _bias(bias: _Parameter | None, outputs: int) -> Array:
    return np.zeros(outputs) if bias is None else np.broadcast_to(bias.value().reshape(-1), (outputs,))


def _variable(node: Node, index: int) -> Tensor:
    tensor = node.input(index)
    if tensor is None or tensor.constant is not None or not tensor.floating:
        raise OpaqueError
    return tensor


def _rank(x: Tensor) -> int:
    if x.shape is None:
        raise OpaqueError
    return len(x.shape)
