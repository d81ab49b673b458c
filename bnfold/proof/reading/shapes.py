"""Element types and shapes of tensors, inferred by `onnx.shape_inference` from what a graph starts from alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, TypeProto, helper, numpy_helper

Array = NDArray[Any]
Dim = int | str | None
Shape = tuple[Dim, ...]
Types = dict[str, tuple[int, Shape | None]]

_INFERS_LIKE = 8  # IR version in which initializers need not be inputs
_SMALL = 1024  # elements of a constant whose value may decide a shape


def inferred(
    model: ModelProto,
    body: GraphProto,
    inputs: Mapping[str, TypeProto],
    constants: Mapping[str, Array],
    known: Mapping[str, int],
) -> Types:
    """Element type and shape of every tensor that the nodes of a graph write, without believing what the file says.

    Args:
        model: whose operator sets and functions hold.
        body: the graph.
        inputs: types of the tensors that it starts from.
        constants: values that it starts from, or that are known otherwise; large ones count by their shape alone.
        known: element types of constants that are kept in another one.
    """
    graph = GraphProto(name="shapes")
    for name, kind in inputs.items():
        graph.input.append(onnx.ValueInfoProto(name=name, type=kind))
    for name, value in constants.items():
        element = known.get(name, 0) or helper.np_dtype_to_tensor_dtype(value.dtype)
        if value.size <= _SMALL:
            stored = value.astype(helper.tensor_dtype_to_np_dtype(element))
            graph.initializer.append(numpy_helper.from_array(stored, name))
        else:
            graph.input.append(helper.make_tensor_value_info(name, element, value.shape))
    for node in body.node:
        if not any(node.output) or any(name and name not in constants for name in node.output):
            graph.node.append(node)
    graph.output.extend(onnx.ValueInfoProto(name=o.name) for o in body.output if o.name not in constants)
    imports, functions = model.opset_import, model.functions
    made = ModelProto(ir_version=_INFERS_LIKE, graph=graph, opset_import=imports, functions=functions)
    found = onnx.shape_inference.infer_shapes(made, data_prop=True).graph
    return {
        value.name: (value.type.tensor_type.elem_type, shape_in(value.type))
        for value in (*found.input, *found.value_info, *found.output)
    }


def type_of(element: int, shape: Shape | None) -> TypeProto:
    """A type with these extents; element type 0 is one that is not known."""
    return helper.make_tensor_type_proto(element, shape) if element else TypeProto()


def shape_in(kind: TypeProto) -> Shape | None:
    """The extents that a type states; None if it states none."""
    if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return None
    dims = kind.tensor_type.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in dims)
