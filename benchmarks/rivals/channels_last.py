"""A network as converters from channels-last frameworks write it: NHWC, with a Transpose on each side of a layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

IN, OUT = [0, 3, 1, 2], [0, 2, 3, 1]
WRAPPED = {"Conv", "MaxPool", "AveragePool"}


def channels_last(source: Path, target: Path) -> None:
    """Rewrite a network of convolutions: input NHWC, batch normalization as Mul and Add along the last axis.

    Raises:
        ValueError: it has an operator that this rewriting does not know.
    """
    model = onnx.load(source)
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes += _rewritten(node, constants)
    (given,) = [value for value in graph.input if value.name not in constants]
    batch, channels, *spatial = given.type.tensor_type.shape.dim
    dims = [batch, *spatial, channels]
    shape = [dim.dim_param or dim.dim_value for dim in dims]
    graph.input[0].CopyFrom(helper.make_tensor_value_info(given.name, onnx.TensorProto.FLOAT, shape))
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants.items() if name in used)
    onnx.save(model, target)


def _rewritten(node: onnx.NodeProto, constants: dict[str, np.ndarray]) -> list[onnx.NodeProto]:
    if node.op_type in WRAPPED:
        return _wrapped(node)
    if node.op_type == "BatchNormalization":
        return _scaled(node, constants)
    if node.op_type in ("GlobalAveragePool", "ReduceMean"):
        name = f"{node.output[0]}_axes"
        constants[name] = np.array([1, 2])
        keep = 1 if node.op_type == "GlobalAveragePool" else _attribute(node, "keepdims", 1)
        return [helper.make_node("ReduceMean", [node.input[0], name], list(node.output), keepdims=keep)]
    if node.op_type in ("Relu", "Add", "Flatten", "Gemm", "Reshape", "Identity", "Constant"):
        return [node]
    raise ValueError(f"{node.op_type} is not written channels last here")


def _wrapped(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    inside, outside = f"{node.output[0]}_in", f"{node.output[0]}_nchw"
    first = helper.make_node("Transpose", [node.input[0]], [inside], perm=IN)
    last = helper.make_node("Transpose", [outside], [node.output[0]], perm=OUT)
    middle = onnx.NodeProto()
    middle.CopyFrom(node)
    middle.input[0], middle.output[0] = inside, outside
    return [first, middle, last]


def _scaled(node: onnx.NodeProto, constants: dict[str, np.ndarray]) -> list[onnx.NodeProto]:
    scale, bias, mean, var = (constants[name].astype(np.float64) for name in node.input[1:])
    factor = scale / np.sqrt(var + _attribute(node, "epsilon", 1e-5))
    (result,) = node.output
    constants[f"{result}_scale"] = factor.astype(np.float32)
    constants[f"{result}_shift"] = (bias - mean * factor).astype(np.float32)
    return [
        helper.make_node("Mul", [node.input[0], f"{result}_scale"], [f"{result}_scaled"]),
        helper.make_node("Add", [f"{result}_scaled", f"{result}_shift"], [result]),
    ]


def _attribute(node: onnx.NodeProto, name: str, default: float) -> float:
    return next((helper.get_attribute_value(each) for each in node.attribute if each.name == name), default)
