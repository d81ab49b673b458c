"""Constants that a DequantizeLinear makes of integers: (x - zero_point) * scale, a scale per tensor, index or block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from bnfold.graph.tensors import FLOATS, constant_tensor, exact_of
from bnfold.network import Quantization, spread

_AXIS_SINCE = 13


@dataclass(frozen=True)
class Dequantized:
    """A constant behind a DequantizeLinear.

    Attributes:
        node: the DequantizeLinear.
        shape: extents of the constant.
        dtype: its type.
        quantization: how its elements share scales.
    """

    node: ir.Node
    shape: tuple[int, ...]
    dtype: ir.DataType
    quantization: Quantization

    def numpy(self) -> NDArray[np.float64]:
        """The value in float64."""
        integers = _read(self.node.inputs[0])
        zero = self.node.inputs[2] if len(self.node.inputs) > 2 else None
        if zero is not None:
            integers = integers - self._spread(_read(zero))
        return integers * self._spread(_read(self.node.inputs[1]))

    def _spread(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return spread(values.reshape(self.quantization.scales.shape), self.quantization.blocks, self.shape)


def dequantized(value: ir.Value | None, opset: int = 0) -> Dequantized | None:
    """The constant that a value is, if a DequantizeLinear makes it of constants that no caller can change.

    Args:
        value: any value.
        opset: version of the default operator set; before 13 a scale of the whole tensor cannot become one per index.
    """
    node = None if value is None else value.producer()
    if node is None or node.op_type != "DequantizeLinear" or node.domain not in ("", "ai.onnx"):
        return None
    tensors = [constant_tensor(operand) for operand in node.inputs if operand is not None]
    if any(tensor is None for tensor in tensors):
        return None
    integers, scale = tensors[:2]
    assert integers is not None
    assert scale is not None
    dtype = ir.DataType(node.attributes.get_int("output_dtype", 0) or scale.dtype)
    if dtype not in FLOATS or scale.dtype not in FLOATS:
        return None
    shape, extents = (tuple(int(extent) for extent in tensor.shape.numpy()) for tensor in (integers, scale))
    axis, block = node.attributes.get_int("axis", 1), node.attributes.get_int("block_size", 0)
    if scale.size == 1 and not block:
        blocks, extents = shape, (1,) * len(shape)
    elif block:
        axis %= len(shape)
        blocks = tuple(block if i == axis else 1 for i in range(len(shape)))
    else:
        axis %= len(shape)
        blocks = tuple(1 if i == axis else extent for i, extent in enumerate(shape))
        extents = tuple(scale.size if i == axis else 1 for i in range(len(shape)))
    scales = _read(node.inputs[1]).reshape(extents)
    divisible = scale.size == 1 and not block and opset >= _AXIS_SINCE
    return Dequantized(node, shape, dtype, Quantization(scales, blocks, divisible))


def copied(node: ir.Node, name: str) -> ir.Node:
    """A DequantizeLinear of the same constants; its output has no name yet."""
    made = ir.Node(node.domain, node.op_type, node.inputs, node.attributes.values(), name=name)
    made.outputs[0].shape, made.outputs[0].type = node.outputs[0].shape, node.outputs[0].type
    return made


def stored_type(value: ir.Value | None) -> ir.DataType | None:
    """The float type of a constant, however it is stored; None for what is no constant."""
    tensor = constant_tensor(value)
    if tensor is not None:
        return tensor.dtype
    found = dequantized(value)
    return None if found is None else found.dtype


def is_constant(value: ir.Value | None) -> bool:
    """Whether no input of the model changes a value: a constant tensor, or one that is dequantized."""
    return stored_type(value) is not None


def _read(value: ir.Value | None) -> NDArray[np.float64]:
    exact, tensor = None if value is None else exact_of(value), constant_tensor(value)
    assert tensor is not None
    return np.asarray(tensor.numpy() if exact is None else exact.numpy(), np.float64)
