"""Linear layers with constant weights: Conv, ConvTranspose, Gemm, MatMul, each as one array and how it is contracted.

With X = S_x X' + T_x and y = a * W(x) + b in the original, y' = a' * W'(x') + b' in the folded model, the claim
Y = S_y Y' + T_y holds for every input exactly if, for all weights,

    a W S_x = S_y a' W'        and        a sum(W T_x) + b = S_y b' + T_y.

The sum runs over the whole kernel, so T_x must be 0 where a kernel can meet padding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bnfold.proof.core.units import WIDE, Array, along
from bnfold.proof.maps.affine import IDENTITY, Affine
from bnfold.proof.reading.expressions import is_float
from bnfold.proof.reading.network import Network
from bnfold.proof.reading.node import Node
from bnfold.proof.reading.shapes import Shape

Align = Callable[[Array], Array]


@dataclass(frozen=True)
class Linear:
    """y = factor * W(x) + bias.

    Attributes:
        kind: operator and every setting beside the weight; layers of equal kinds and weights compute the same.
        source, name: what it reads: the tensor, and the weight.
        weight: as stored.
        room: says how far rounding may have moved each number of it.
        factor: what all weights are multiplied by.
        padded: whether a kernel can meet padding.
        bias: the summand behind it, which may multiply as well.
        result: the shape of y, as far as the weight tells.
        of_input, of_output: align an array that varies along the input's or the output's features with the weight.
        total: sums an array shaped like the weight over all that is contracted; the result broadcasts against y.
        border: the number that it reads outside its input, and how far rounding may have moved it.
        ones: what it makes of a further input channel that is 1 everywhere: its weights, and their room; None without.
    """

    kind: tuple[object, ...]
    source: str
    name: str
    weight: Array
    room: Callable[[], Array]
    factor: float
    padded: bool
    bias: Affine
    result: Shape
    of_input: Align
    of_output: Align
    total: Align
    border: tuple[float, float] = (0.0, 0.0)
    ones: tuple[Array, Array] | None = None


def layer(network: Network, tensor: str) -> Linear | None:
    """The linear layer that writes a tensor, or None if it is written by something else."""
    node, index = network.writer.get(tensor, (None, 0))
    if node is None or index:
        return None
    if node.op in ("Conv", "ConvTranspose"):
        return _convolution(network, node)
    if node.op == "Gemm":
        return _gemm(network, node)
    return _matmul(network, node) if node.op == "MatMul" else None


def _convolution(network: Network, node: Node) -> Linear | None:
    weight, bias = network.constants.get(node.inputs[1]), network.constants.get(node.input(2))
    if weight is None or not is_float(weight) or weight.ndim < 3 or (node.input(2) and bias is None):
        return None
    kernel, attributes, spatial = weight.shape[2:], node.attributes, (1,) * (weight.ndim - 2)
    groups = int(attributes.get("group", 1))
    transposed = node.op == "ConvTranspose"
    first, second = weight.shape[:2]
    features = second * groups if transposed else first
    fits = first % groups == 0 and tuple(attributes.get("kernel_shape") or kernel) == kernel
    if not fits or (bias is not None and bias.shape != (features,)):
        return None
    ones, zeros = (1,) * len(kernel), (0,) * len(kernel)
    settings: tuple[object, ...] = (
        *(tuple(attributes.get(name) or ones) for name in ("strides", "dilations")),
        tuple(attributes.get("pads") or zeros * 2),
        attributes.get("auto_pad", "NOTSET"),
        groups,
    )
    known = None if transposed else padding(node, kernel, network.shape(node.inputs[0]))
    if known is not None:
        settings = (*settings[:2], *known, groups)
    elif transposed:
        settings += tuple(tuple(attributes.get(name) or ()) for name in ("output_padding", "output_shape"))

    def along_rows(array: Array) -> Array:
        return along(array, (1,)).reshape(-1, 1, *spatial)

    def along_columns(array: Array) -> Array:
        array = along(array, (1,))
        if array.size == 1 or groups == 1:
            return array.reshape(1, -1, *spatial)
        rows = np.repeat(array.reshape(groups, 1, second), first // groups, axis=1)
        return rows.reshape(first, second, *spatial)

    def total(array: Array) -> Array:
        grouped = array.reshape(groups, first // groups, second, -1)
        summed: Array = grouped.sum((1, 3) if transposed else (2, 3))
        return summed.reshape(1, features, *spatial)

    return Linear(
        (node.op, *settings),
        node.inputs[0],
        node.inputs[1],
        weight,
        lambda: network.room(node.inputs[1]),
        1.0,
        _meets_border(node, kernel) if transposed else meets_padding(node, kernel, network.shape(node.inputs[0])),
        IDENTITY if bias is None else _summand(network, node, 1.0, (1, features, *spatial)),
        (None, features, *(None for _ in kernel)),
        along_rows if transposed else along_columns,
        along_columns if transposed else along_rows,
        total,
    )


def _gemm(network: Network, node: Node) -> Linear | None:
    """Y = alpha * A' B' + beta * C, with the constant matrix on the right or, as A, on the left."""
    attributes = node.attributes
    left, right, bias = (network.constants.get(node.input(index)) for index in range(3))
    weight = right if left is None else left
    flips = [bool(attributes.get(name, 0)) for name in ("transA", "transB")]
    if weight is None or not is_float(weight) or weight.ndim != 2 or (node.input(2) and bias is None):
        return None
    if left is not None and (right is not None or flips[1]):
        return None
    summand = IDENTITY if bias is None else _summand(network, node, float(attributes.get("beta", 1.0)), bias.shape)
    turned = flips[0 if left is not None else 1]
    form = _product(network, node, left is not None, turned, 2, float(attributes.get("alpha", 1.0)), summand)
    if left is not None or not flips[0]:
        return form
    return replace(form, kind=("on the right of a transposed tensor",), of_input=_off(-1))


def _matmul(network: Network, node: Node) -> Linear | None:
    """Products x @ W or W @ x, W a matrix or a stack of matrices."""
    left, right = (network.constants.get(name) for name in node.inputs)
    weight = left if left is not None else right
    if weight is None or (left is not None and right is not None) or not is_float(weight) or weight.ndim < 2:
        return None
    x = network.shape(node.inputs[0 if left is None else 1])
    if x is None or len(x) < 2:
        return None
    form = _product(network, node, left is not None, False, max(len(x), weight.ndim), 1.0, IDENTITY)
    known = (None,) * (len(form.result) - len(x)) + tuple(x)
    front = [b if b is not None and b != 1 else a for a, b in zip(known[:-2], form.result[:-2], strict=True)]
    return replace(form, result=(*front, *form.result[-2:]))


def _product(network: Network, node: Node, left: bool, turned: bool, rank: int, factor: float, bias: Affine) -> Linear:
    contracted = -1 if left else -2
    name = node.inputs[0 if left else 1]
    weight = network.constants[name].T if turned else network.constants[name]

    def of_input(array: Array) -> Array:
        return _off(contracted)(array).swapaxes(-1, -2) if array.ndim > 1 else array

    stack: Shape = (None,) * (rank - weight.ndim) + weight.shape[:-2]
    return Linear(
        ("matrix on the left" if left else "matrix on the right",),
        node.inputs[1 if left else 0],
        name,
        weight,
        lambda: network.room(name).T if turned else network.room(name),
        factor,
        False,
        bias,
        (*stack, weight.shape[-2], None) if left else (*stack, None, weight.shape[-1]),
        of_input,
        _off(contracted),
        lambda array: array.sum(contracted, keepdims=True),
    )


def _off(axis: int) -> Align:
    """The array itself, which must not vary along the axis."""

    def aligned(array: Array) -> Array:
        return along(array, [other for other in range(-array.ndim, 0) if other != axis])

    return aligned


def _summand(network: Network, node: Node, factor: float, shape: Sequence[int]) -> Affine:
    stored = network.constants[node.inputs[2]], network.room(node.inputs[2])
    value, error = (np.asarray(array, WIDE).reshape(tuple(shape)) * factor for array in stored)
    return Affine.of(1, value, 0, np.abs(error), tuple(shape))


def padding(node: Node, kernel: Sequence[int], x: Shape | None) -> list[tuple[int, int]] | None:
    """How many zeros a sliding window reads in front of its input and behind it, per spatial axis; None if unknown."""
    attributes, rank = node.attributes, len(kernel)
    mode = attributes.get("auto_pad", "NOTSET")
    if mode in ("NOTSET", "VALID"):
        pads = (mode == "NOTSET" and attributes.get("pads")) or (0,) * (2 * rank)
        return list(zip(pads[:rank], pads[rank:], strict=True))
    found = []
    for axis, extent in enumerate(kernel):
        stride, dilation = ((attributes.get(name) or (1,) * rank)[axis] for name in ("strides", "dilations"))
        reach, size = (extent - 1) * dilation, 1 if x is None else x[axis + 2]
        if not isinstance(size, int) or x is None:
            if reach and stride > 1:
                return None
            size = 1
        total = max(0, (math.ceil(size / stride) - 1) * stride + reach + 1 - size)
        less, more = total // 2, total - total // 2
        found.append((less, more) if mode == "SAME_UPPER" else (more, less))
    return found


def meets_padding(node: Node, kernel: Sequence[int], x: Shape | None) -> bool:
    """Whether a sliding window really reads outside its input."""
    pads = padding(node, kernel, x)
    return pads is None or any(map(any, pads))


def _meets_border(node: Node, kernel: Sequence[int]) -> bool:
    """Whether some output of a ConvTranspose sums over less than the whole kernel."""
    attributes = node.attributes
    odd = attributes.get("auto_pad", "NOTSET") != "NOTSET" or attributes.get("output_shape")
    if odd or any(attributes.get("output_padding", ())) or any(s != 1 for s in attributes.get("strides", ())):
        return True
    dilations = attributes.get("dilations") or (1,) * len(kernel)
    pads = attributes.get("pads") or (0,) * (2 * len(kernel))
    reach = [dilation * (extent - 1) for dilation, extent in zip(dilations, kernel, strict=True)]
    return any(pad < need for pad, need in zip(pads, reach * 2, strict=True))
