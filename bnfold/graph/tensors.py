"""What the graph knows of a tensor's value."""

from __future__ import annotations

import onnx_ir as ir

from bnfold.network import Computed
from bnfold.rewrite import rounded

FLOATS = frozenset({ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.DOUBLE})
_EXACT = "bnfold.exact"


def exact_of(value: ir.Value) -> Computed | None:
    """The unrounded value of an initializer that was computed here; None for one that is as the file had it."""
    exact: Computed | None = value.meta.get(_EXACT)
    return exact


def set_exact(value: ir.Value, exact: Computed, dtype: ir.DataType, node: str) -> None:
    """Let an initializer store an unrounded value, rounded once to `dtype` whenever its elements are asked for.

    Asking raises OutOfRangeError, which names `node`, where a finite element is not so in that type.
    """

    def stored() -> ir.TensorProtocol:
        return ir.tensor(rounded(node, exact.numpy(), dtype.numpy()), dtype=dtype, name=value.name)

    value.const_value = ir.LazyTensor(stored, dtype, ir.Shape(exact.shape), name=value.name)
    value.shape, value.type = ir.Shape(exact.shape), ir.TensorType(dtype)
    value.meta[_EXACT] = exact


def unrounded(model: ir.Model) -> ir.Model:
    """A copy whose computed initializers are float64 and not rounded; it mixes types and only serves the proof."""
    copy = model.clone()
    for name, value in model.graph.initializers.items():
        exact = exact_of(value)
        if exact is not None:
            twin = copy.graph.initializers[name]
            set_exact(twin, exact, ir.DataType.DOUBLE, name)
    return copy


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


def take_over(old: ir.Value, new: ir.Value) -> None:
    """Give `new` what a caller sees of `old`."""
    name, old.name = old.name, None
    new.name, new.shape, new.type = name, old.shape, old.type
    new.doc_string = old.doc_string
    new.metadata_props.update(old.metadata_props)
