"""Layers that contract one axis with constant weights: their output has units of its own.

W' = gain_y * W * S_x and c' = gain_y * (c + sum(W T_x)) + offset_y absorb any units of input and output. The one
condition: where the layer reads zero padding, a zero must mean zero, so the input has no shift.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bnfold.gauge.rules import quantized
from bnfold.gauge.rules.arithmetic import matrix_product
from bnfold.gauge.units import Units
from bnfold.network import Node, OpaqueError, Tensor


def _weight(node: Node, index: int = 1) -> tuple[Tensor, tuple[int, ...]]:
    """A constant weight, and its shape."""
    weight = node.input(index)
    if weight is None or weight.constant is None:
        raise OpaqueError
    return weight, tuple(int(extent) for extent in weight.constant.shape)


def _activation(node: Node) -> tuple[Tensor, Tensor]:
    x, y = node.inputs[0], node.outputs[0]
    bias = node.input(2)
    if x is None or y is None or x.constant is not None or (bias is not None and bias.constant is None):
        raise OpaqueError
    return x, y


def _emit(node: Node, units: Units, weight: Tensor, axis: int, shape: Sequence[int], contracted: int) -> None:
    """Tie the input's units off the contracted axis, give the output units of its own.

    Args:
        node, units: where, and what the equations go to.
        weight: the constant weight.
        axis: the axis of the input that is contracted.
        shape: of the output's units.
        contracted: the axis of the weight that leads to the input channels.
    """
    x, y = _activation(node)
    reads = units.demand(node, "mixes all channels, whose elements must share their units")
    inputs = units.along(reads, units.of(x), axis)
    outputs = units.gauges[y.name] = units.fresh(shape, free=True)
    quantized.bind(
        node, units, weight, inputs, outputs, contracted=contracted, groups=int(node.attributes.get("group", 1))
    )
    _found(node, units, y)


def _found(node: Node, units: Units, y: Tensor) -> None:
    units.linear.add(node.name)
    if node.name not in units.quantized:
        units.linear_outputs.add(y.name)


def _check_bias(node: Node, features: int) -> None:
    bias = node.input(2)
    if bias is not None and bias.constant is not None and tuple(bias.constant.shape) != (features,):
        raise OpaqueError


def conv(node: Node, units: Units) -> None:
    """Conv: weight [Cout, Cin/group, *kernel], contracted and produced axis 1."""
    convolve(node, units)
    meet_zeros(node, units)


def convolve(node: Node, units: Units) -> None:
    """What a Conv asks for whether it pads or not."""
    weight, shape = _weight(node)
    _check_bias(node, shape[0])
    _emit(node, units, weight, 1, (1, shape[0], *(1 for _ in shape[2:])), contracted=1)


def meet_zeros(node: Node, units: Units) -> None:
    """What a Conv asks for because it pads."""
    _, shape = _weight(node)
    if pads_with_zeros(node, shape[2:]):
        x, _ = _activation(node)
        units.no_shift(units.demand(node, "pads with zeros, which a shift would change"), units.of(x))


def conv_transpose(node: Node, units: Units) -> None:
    """ConvTranspose: weight [Cin, Cout/group, *kernel]; outputs near the border see fewer inputs."""
    weight, shape = _weight(node)
    features = shape[1] * int(node.attributes.get("group", 1))
    _check_bias(node, features)
    _emit(node, units, weight, 1, (1, features, *(1 for _ in shape[2:])), contracted=0)
    if not _every_output_sees_the_whole_kernel(node, shape[2:]):
        x, _ = _activation(node)
        units.no_shift(units.demand(node, "sums a varying number of inputs, which a shift would change"), units.of(x))


def gemm(node: Node, units: Units) -> None:
    """Gemm: alpha * A' B' + beta * C with constant B and C; the produced axis is 1."""
    weight, shape = _weight(node)
    contracted = 1 if node.attributes.get("transB", 0) else 0
    _emit(node, units, weight, contracted_axis(node, 2), (1, shape[1 - contracted]), contracted)


def matmul(node: Node, units: Units) -> None:
    """MatMul with constant matrices on the right (the last axis is contracted) or on the left (the last but one).

    A stack of matrices [..., K, N], one for each index of the axes in front, leaves these axes units of their own.
    """
    multiply(node, units)
    go_without_bias(node, units)


def go_without_bias(node: Node, units: Units) -> None:
    """What a MatMul by constant matrices asks for where a bias would be an Add of its own."""
    x = next((tensor for tensor in node.inputs if tensor is not None and tensor.constant is None), None)
    y = node.outputs[0]
    if node.name in units.linear and needs_add_for_bias(node) and x is not None and y is not None:
        origin = units.demand(node, "has no bias, and an Add of its own would cost more than it saves")
        units.no_shift(origin, units.of(x))
        units.no_shift(origin, units.of(y))


def needs_add_for_bias(node: Node) -> bool:
    """Whether a MatMul has no bias and, as its result is no matrix, cannot become a Gemm, which has room for one."""
    y = node.outputs[0]
    return node.input(2) is None and (y is None or y.shape is None or len(y.shape) != 2)


def multiply(node: Node, units: Units) -> None:
    """What a MatMul asks for whether it has a bias or not."""
    if not any(tensor is not None and tensor.constant is not None for tensor in node.inputs):
        matrix_product(node, units)
        return
    left = node.inputs[0] is not None and node.inputs[0].constant is not None
    weight, extents = _weight(node, 0 if left else 1)
    x, y, bias = node.inputs[1 if left else 0], node.outputs[0], node.input(2)
    if x is None or y is None or x.constant is not None or (bias is not None and bias.constant is None):
        raise OpaqueError
    if node.version < 7 or x.shape is None or not 2 <= len(extents) <= len(x.shape):
        raise OpaqueError
    if weight.quantization is not None and len(extents) > 2:
        raise OpaqueError
    rank = len(x.shape)
    contracted, features = (-2, extents[-2]) if left else (-1, extents[-1])
    shape = [1] * rank
    for axis in range(3, len(extents) + 1):
        if extents[-axis] > 1 and x.extent(-axis) != extents[-axis]:
            raise OpaqueError
        shape[-axis] = extents[-axis]
    stacked = [axis for axis in range(rank) if shape[axis] > 1]
    shape[contracted] = features
    mixes = units.demand(node, "mixes all channels, whose elements must share their units")
    inputs = units.along(mixes, units.of(x), contracted, *stacked)
    outputs = units.gauges[y.name] = units.fresh(shape, free=True)
    quantized.bind(node, units, weight, inputs, outputs, contracted=1 if left else 0)
    _found(node, units, y)


def contracted_axis(node: Node, rank: int) -> int:
    """The axis of its activation, of this rank, that a linear layer contracts."""
    if node.op == "Gemm":
        return 0 if node.attributes.get("transA", 0) else 1
    if node.op == "MatMul":
        left = node.inputs[0]
        assert left is not None
        return rank - 1 if left.constant is None else rank - 2
    return 1


def pads_with_zeros(node: Node, kernel: Sequence[int]) -> bool:
    """Whether the operator really reads zeros outside its input."""
    attributes = node.attributes
    mode = attributes.get("auto_pad", "NOTSET")
    if mode == "NOTSET":
        return any(pad > 0 for pad in attributes.get("pads", ()))
    if mode == "VALID":
        return False
    strides = attributes.get("strides") or [1] * len(kernel)
    dilations = attributes.get("dilations") or [1] * len(kernel)
    x = node.inputs[0]
    for i, extent in enumerate(kernel):
        span = (extent - 1) * dilations[i] + 1
        size = None if x is None else x.extent(i + 2)
        if size is None:
            if span > 1:
                return True
        elif (math.ceil(size / strides[i]) - 1) * strides[i] + span > size:
            return True
    return False


def _every_output_sees_the_whole_kernel(node: Node, kernel: Sequence[int]) -> bool:
    attributes = node.attributes
    if attributes.get("auto_pad", "NOTSET") != "NOTSET" or attributes.get("output_shape"):
        return False
    if any(stride != 1 for stride in attributes.get("strides") or ()):
        return False
    if any(attributes.get("output_padding") or ()):
        return False
    dilations = attributes.get("dilations") or [1] * len(kernel)
    pads = attributes.get("pads") or [0] * (2 * len(kernel))
    reach = [dilation * (extent - 1) for dilation, extent in zip(dilations, kernel, strict=True)]
    return all(pad >= need for pad, need in zip(pads, reach * 2, strict=True))
