"""A small ONNX graph in lines of text that can be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

FEW = 8
"""A constant with more elements is not written out."""


def lines(model: onnx.ModelProto) -> list[str]:
    """One line per node, in the order of the graph; a tensor goes by the name of the node that writes it."""
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    names = {output: node.name for node in graph.node for output in node.output[:1]}
    found = [f"input {_fed(value)}" for value in graph.input if value.name not in constants]
    defaults = [value.name for value in graph.input if value.name in constants]
    found += [f"input {name} with a default value" for name in defaults]
    fixed = {name: array for name, array in constants.items() if name not in defaults}
    width = max(len(node.name) for node in graph.node)
    found += [f"{node.name:{width}} = {_call(node, names, fixed)}" for node in graph.node]
    found.append("output " + ", ".join(names[value.name] for value in graph.output))
    return [*found, *(f"metadata {prop.key}" for prop in model.metadata_props if prop.key.startswith("bnfold"))]


def call(model: onnx.ModelProto, node: str, titles: Mapping[str, str]) -> str:
    """The line of one node, without its own name; operands go by these titles, if by the names of their nodes."""
    names = {output: titles.get(each.name, each.name) for each in model.graph.node for output in each.output[:1]}
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return next(_call(each, names, constants) for each in model.graph.node if each.name == node)


def _call(node: onnx.NodeProto, names: dict[str, str], constants: dict[str, np.ndarray]) -> str:
    return f"{node.op_type}({', '.join([*_operands(node, names, constants), *_attributes(node)])})"


def _fed(value: onnx.ValueInfoProto) -> str:
    tensor = value.type.tensor_type
    kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    return f"{value.name}: {_extents(dim.dim_value for dim in tensor.shape.dim)} {kind}"


def _operands(node: onnx.NodeProto, names: dict[str, str], constants: dict[str, np.ndarray]) -> Iterator[str]:
    formal = onnx.defs.get_schema(node.op_type).inputs
    for index, name in enumerate(node.input):
        if name in constants:
            if shown := _constant(constants[name]):
                yield f"{formal[min(index, len(formal) - 1)].name}={shown}"
        elif name:
            yield names.get(name, name)


def _constant(array: np.ndarray) -> str:
    """Its value if somebody chose it, else its shape if it has several axes; nothing of a list of random numbers."""
    flat, shape = array.reshape(-1), _extents(array.shape) if array.ndim > 1 else ""
    chosen = all(array.dtype.type(f"{value:.4g}") == value for value in flat)
    if array.size > FEW or (array.ndim and not chosen):
        return shape
    if array.dtype.kind == "f" and (flat == flat[0]).all():
        return f"{flat[0]:.4g}" + (f" ({shape})" if shape else "")
    return shape or _value(array.tolist())


def _attributes(node: onnx.NodeProto) -> Iterator[str]:
    known = onnx.defs.get_schema(node.op_type).attributes
    for attribute in node.attribute:
        value = onnx.helper.get_attribute_value(attribute)
        default = known[attribute.name].default_value if attribute.name in known else None
        usual = default is not None and default.name and onnx.helper.get_attribute_value(default) == value
        if not usual and not (attribute.name == "pads" and not any(value)):
            yield f"{attribute.name}={_value(value)}"


def _extents(shape: Iterable[int]) -> str:
    return "×".join(map(str, shape))


def _value(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
