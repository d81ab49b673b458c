"""Sparse tensors are read as what they mean, wherever they lie."""

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

import bnfold
from bnfold.sources.onnx import load
from tests.networks import Net

DENSE = np.asarray([[0, 1.5, 0], [0, 0, -2.0]], np.float32)
LINEAR, PAIRS = [1, 5], [[0, 1], [1, 2]]


def sparse(indices: list, name: str = "s") -> onnx.SparseTensorProto:
    values = numpy_helper.from_array(np.asarray([1.5, -2], np.float32), name)
    return helper.make_sparse_tensor(values, numpy_helper.from_array(np.asarray(indices, np.int64)), [2, 3])


def constant(indices: list, name: str = "s") -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], sparse_value=sparse(indices))


def model(nodes: list, *, initializer: onnx.SparseTensorProto | None = None, **more) -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])
    given = [] if initializer is None else [initializer]
    graph = helper.make_graph(nodes, "g", [x], [y], sparse_initializer=given)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, **more)


def tensors(read: ir.Model) -> dict[str, np.ndarray]:
    """Every dense tensor of the model by name, whatever graph or function it lies in."""
    found = {name: value.const_value.numpy() for name, value in read.graph.initializers.items()}
    nodes = [*read.graph.all_nodes(), *(node for function in read.functions.values() for node in function.all_nodes())]
    constants = [node.outputs[0] for node in nodes if node.op_type == "Constant"]
    return found | {value.name: ir.convenience.get_const_tensor(value).numpy() for value in constants}


def written(proto: onnx.ModelProto, folder: Path) -> ir.Model:
    onnx.checker.check_model(proto)
    onnx.save(proto, folder / "model.onnx")
    return load(folder / "model.onnx")


@pytest.mark.parametrize("indices", [LINEAR, PAIRS])
def test_initializer(indices: list, tmp_path: Path) -> None:
    read = written(model([helper.make_node("Add", ["x", "s"], ["y"])], initializer=sparse(indices)), tmp_path)
    np.testing.assert_array_equal(tensors(read)["s"], DENSE)


@pytest.mark.parametrize("indices", [LINEAR, PAIRS])
def test_constant(indices: list, tmp_path: Path) -> None:
    read = written(model([constant(indices), helper.make_node("Add", ["x", "s"], ["y"])]), tmp_path)
    np.testing.assert_array_equal(tensors(read)["s"], DENSE)


def test_constant_of_a_body(tmp_path: Path) -> None:
    result = [helper.make_tensor_value_info("s", TensorProto.FLOAT, [2, 3])]
    body = helper.make_graph([constant(PAIRS)], "body", [], result)
    nodes = [
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.asarray(True))),
        helper.make_node("If", ["c"], ["i"], then_branch=body, else_branch=body),
        helper.make_node("Add", ["x", "i"], ["y"]),
    ]
    np.testing.assert_array_equal(tensors(written(model(nodes), tmp_path))["s"], DENSE)


def test_constant_of_a_function(tmp_path: Path) -> None:
    nodes = [constant(LINEAR), helper.make_node("Add", ["a", "s"], ["b"])]
    function = helper.make_function("local", "Plus", ["a"], ["b"], nodes, [helper.make_opsetid("", 17)])
    call = helper.make_node("Plus", ["x"], ["y"], domain="local")
    np.testing.assert_array_equal(tensors(written(model([call], functions=[function]), tmp_path))["s"], DENSE)


def test_a_sparse_weight_folds() -> None:
    net = Net()
    weight = np.zeros((4, 3, 1, 1), np.float32)
    weight[[0, 1, 2, 3], [0, 2, 1, 0]] = 2
    y = net.bn(net.node("Conv", net.input(2, 3, 4, 4), net.constant(weight, "w")))
    proto = net.model(y)
    (dense,) = (tensor for tensor in proto.graph.initializer if tensor.name == "w")
    proto.graph.initializer.remove(dense)
    places = np.flatnonzero(weight)
    values = numpy_helper.from_array(weight.reshape(-1)[places], "w")
    indices = numpy_helper.from_array(places.astype(np.int64), "i")
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, weight.shape))
    result = bnfold.fold(proto)
    assert [node.op_type for node in result.model.graph] == ["Conv"]
    assert result.report.verification.verdict == "equivalent"
