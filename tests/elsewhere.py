"""Models with a tensor in a data file, at every place where a tensor can lie, and ways out of their folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

VALUES = np.asarray([1.5, -2], np.float32)


def elsewhere(location: str, kind: int = TensorProto.FLOAT) -> TensorProto:
    """Two numbers in a data file."""
    tensor = TensorProto(name="w", dims=[2], data_type=kind, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    return tensor


def here(*numbers: int) -> TensorProto:
    return numpy_helper.from_array(np.asarray(numbers, np.int64), "i")


def graph(*nodes: onnx.NodeProto, **parts: list) -> onnx.GraphProto:
    """A graph without inputs whose output is w."""
    return helper.make_graph(nodes, "g", [], [helper.make_tensor_value_info("w", TensorProto.FLOAT, [2])], **parts)


def constant(**value: object) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["w"], **value)


def branches(body: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Nodes that write y, as the output of a subgraph."""
    truth = helper.make_tensor("t", TensorProto.BOOL, [], [True])
    condition = helper.make_node("Constant", [], ["c"], value=truth)
    return [condition, helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)]


def function(*nodes: onnx.NodeProto, output: str) -> onnx.FunctionProto:
    return helper.make_function("local", "F", [], [output], nodes, [helper.make_opsetid("", 17)])


def several(name: str, kind: int, values: list) -> onnx.NodeProto:
    """An operator of nobody with an attribute that is a list of tensors."""
    attribute = AttributeProto(name=name, type=kind)
    (attribute.tensors if kind == AttributeProto.TENSORS else attribute.sparse_tensors).extend(values)
    node = helper.make_node("Several", [], ["w"], domain="local")
    node.attribute.append(attribute)
    return node


def sparse(location: str) -> onnx.SparseTensorProto:
    return helper.make_sparse_tensor(elsewhere(location), here(1, 2), [6])


PLACES: dict[str, Callable[[str], tuple[onnx.GraphProto, list]]] = {
    "initializer": lambda at: (graph(initializer=[elsewhere(at)]), []),
    "sparse initializer": lambda at: (graph(sparse_initializer=[sparse(at)]), []),
    "sparse indices": lambda at: (
        graph(
            sparse_initializer=[
                helper.make_sparse_tensor(
                    numpy_helper.from_array(VALUES[:1], "w"), elsewhere(at, TensorProto.INT32), [6]
                )
            ]
        ),
        [],
    ),
    "Constant": lambda at: (graph(constant(value=elsewhere(at))), []),
    "sparse Constant": lambda at: (graph(constant(sparse_value=sparse(at))), []),
    "tensors": lambda at: (graph(several("ts", AttributeProto.TENSORS, [here(1), elsewhere(at)])), []),
    "sparse tensors": lambda at: (graph(several("ss", AttributeProto.SPARSE_TENSORS, [sparse(at)])), []),
    "subgraph": lambda at: (graph(*branches(graph(initializer=[elsewhere(at)]))), []),
    "Constant in a subgraph": lambda at: (graph(*branches(graph(constant(value=elsewhere(at))))), []),
    "subgraph of a subgraph": lambda at: (graph(*branches(graph(*branches(graph(initializer=[elsewhere(at)]))))), []),
    "function": lambda at: (graph(), [function(constant(value=elsewhere(at)), output="w")]),
    "subgraph in a function": lambda at: (
        graph(),
        [function(*branches(graph(initializer=[elsewhere(at)])), output="y")],
    ),
}


def stored(place: str, location: str, folder: Path) -> Path:
    """A model file that has one tensor in a data file."""
    made, functions = PLACES[place](location)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=8, functions=functions)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder / "model.onnx"


def folder_with_data(parent: Path) -> Path:
    """A model's folder with a data file, beside a file that no model in it may read."""
    (parent / "secret.bin").write_bytes(VALUES.tobytes())
    inner = parent / "inner"
    inner.mkdir()
    (inner / "in.bin").write_bytes(VALUES.tobytes())
    return inner


def to_a_file(folder: Path) -> str:
    (folder / "link.bin").symlink_to(folder.parent / "secret.bin")
    return "link.bin"


def to_a_folder(folder: Path) -> str:
    (folder / "sub").symlink_to(folder.parent)
    return "sub/secret.bin"


OUTSIDE: dict[str, Callable[[Path], str]] = {
    "absolute": lambda folder: str(folder.parent / "secret.bin"),
    "above": lambda _: "../secret.bin",
    "above after a way down": lambda _: "sub/../../secret.bin",
    "a link to a file": to_a_file,
    "a link to a folder": to_a_folder,
}
