"""What the graph knows of a tensor's value."""

from __future__ import annotations

import onnx_ir as ir

FLOATS = frozenset({ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.DOUBLE})
EXACT = "bnfold.exact"
"""Key in `ir.Value.meta` of an initializer's unrounded float64 value."""


def constant_tensor(value: ir.Value | None) -> ir.TensorProtocol | None:
    """The tensor of a value that no caller can change: an initializer that is no input, or a Constant node."""
    if value is None or value.is_graph_input():
        return None
    if value.is_initializer():
        return value.const_value
    producer = value.producer()
    if producer is None or producer.op_type != "Constant" or producer.domain not in ("", "ai.onnx"):
        return None
    return ir.convenience.get_const_tensor(value)
