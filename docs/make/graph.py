"""A small ONNX graph in lines of text that can be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    for node in graph.node:
        arguments = ", ".join([*_operands(node, names, fixed), *_attributes(node)])
        found.append(f"{node.name:{width}} = {node.op_type}({arguments})")
    found.append("output " + ", ".join(names[value.name] for value in graph.output))
    return [*found, *(f"metadata {prop.key}" for prop in model.metadata_props if prop.key.startswith("bnfold"))]


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
    chosen = all(array.dtype.type(f"{value:.4g}") == value for value in array.reshape(-1))
    if array.size > FEW or (array.ndim and not chosen):
        return _extents(array.shape) if array.ndim > 1 else ""
    if array.dtype.kind == "f" and (array == array.reshape(-1)[0]).all():
        return f"{array.reshape(-1)[0]:.4g}" + (f" ({_extents(array.shape)})" if array.ndim > 1 else "")
    return _value(array.tolist())


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
