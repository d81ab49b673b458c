"""What is evaluated before a fold and what is not, and the types that the values are stored in."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from bnfold.graph.prepare import prepare
from bnfold.graph.tensors import exact_of
from tests.networks import Net, disagreement, fold


def prepared(model: onnx.ModelProto) -> ir.Model:
    result = ir.from_proto(model)
    prepare(result)
    return result


def operators(model: ir.Model) -> list[str]:
    return [node.op_type for node in model.graph]


def described(nodes: list[onnx.NodeProto], opset: int, dtype: int = TensorProto.FLOAT) -> onnx.ModelProto:
    """A graph from x to y, both of one type, with a constant c of three float32 numbers."""
    x, y = (helper.make_tensor_value_info(name, dtype, [2, 3]) for name in "xy")
    c = helper.make_tensor("c", TensorProto.FLOAT, [3], [1.5, 2.5, 0.1])
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("custom", 1)]
    return helper.make_model(helper.make_graph(nodes, "g", [x], [y], [c]), opset_imports=opsets, ir_version=8)


@pytest.mark.parametrize("declared", [None, TensorProto.DOUBLE, TensorProto.FLOAT16])
def test_a_type_like_that_of_a_tensor_whose_type_nobody_knows(declared: int | None) -> None:
    """Only the runtime knows what a custom operator writes, unless the file says so."""
    nodes = [
        helper.make_node("Custom", ["x"], ["t"], "custom", domain="custom"),
        helper.make_node("CastLike", ["c", "t"], ["k"], "like"),
        helper.make_node("Add", ["t", "k"], ["y"], "add"),
    ]
    model = described(nodes, 17, declared or TensorProto.DOUBLE)
    if declared:
        model.graph.value_info.append(helper.make_tensor_value_info("t", declared, [2, 3]))
    found = prepared(model)
    assert operators(found) == (["Custom", "Add"] if declared else ["Custom", "CastLike", "Add"])
    assert {value.const_value.dtype for value in found.graph.initializers.values()} == {
        ir.DataType(declared or TensorProto.FLOAT)
    }


@pytest.mark.parametrize("opset", [4, 5, 6, 9, 13])
def test_types_of_operator_sets_without_inference_of_types(opset: int) -> None:
    """A Cast names its type in words before opset 6, and nobody infers what it or a Concat behind it writes."""
    nodes = [
        helper.make_node("Cast", ["c"], ["k"], "cast", to="FLOAT16" if opset < 6 else TensorProto.FLOAT16),
        helper.make_node("Concat", ["k", "k"], ["kk"], "concat", axis=0),
        helper.make_node("Concat", ["x", "x"], ["xx"], "twice", axis=1),
        helper.make_node("Mul", ["xx", "kk"], ["z"], "mul", **({"broadcast": 1} if opset < 7 else {})),
        helper.make_node("MatMul", ["z", "w"], ["y"], "matmul"),
    ]
    model = described(nodes, opset, TensorProto.FLOAT16)
    model.graph.initializer.append(helper.make_tensor("w", TensorProto.FLOAT16, [6, 3], np.ones(18)))
    found = prepared(model)
    assert operators(found) == ["Concat", "Mul", "MatMul"]
    assert {value.const_value.dtype for value in found.graph.initializers.values()} == {ir.DataType.FLOAT16}
    stored = found.graph.initializers["kk"].const_value.numpy()
    np.testing.assert_array_equal(stored, np.tile([1.5, 2.5, 0.1], 2).astype(np.float32).astype(np.float16))


def test_a_cast_to_integers_is_what_it_says() -> None:
    nodes = [
        helper.make_node("Cast", ["c"], ["i"], "down", to="INT32"),
        helper.make_node("Concat", ["i"], ["one"], "concat", axis=0),
        helper.make_node("Cast", ["one"], ["f"], "up", to="FLOAT"),
        helper.make_node("Mul", ["x", "f"], ["y"], "mul", broadcast=1),
    ]
    found = prepared(described(nodes, 5))
    (factor,) = found.graph.initializers.values()
    np.testing.assert_array_equal(factor.const_value.numpy(), np.float32([1, 2, 0]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_expression_is_rounded_once(dtype: type) -> None:
    """Square root of a sum, in the file as three operators: each intermediate result keeps all its digits."""
    net = Net(dtype=dtype)
    variance = net.random.uniform(0.5, 2, 4)
    root = net.node("Sqrt", net.node("Add", variance, np.asarray(1e-3)))
    net.node("Mul", net.conv(net.input(2, 3, 4, 4), 4), net.node("Reshape", root, [4, 1, 1]), name="it")
    found = prepared(net.model("it.y"))
    (mul,) = (node for node in found.graph if node.op_type == "Mul")
    stored, epsilon = (net.constants[name].astype(np.float64) for name in ("k0", "k1"))
    expected = np.sqrt(stored + epsilon).reshape(4, 1, 1)
    np.testing.assert_array_equal(exact_of(mul.inputs[1]).numpy(), expected)
    np.testing.assert_array_equal(mul.inputs[1].const_value.numpy(), expected.astype(dtype))


@pytest.mark.parametrize(("width", "evaluated"), [(1024, True), (1025, False)])
def test_a_result_that_would_make_the_file_much_larger_is_left_to_the_runtime(width: int, evaluated: bool) -> None:
    """A million numbers are not stored for one."""
    net = Net()
    large = net.node("Expand", np.asarray([[0.5]]), [1024, width])
    found = prepared(net.model(net.node("Add", net.input(1, 1), large)))
    assert operators(found) == (["Add"] if evaluated else ["Expand", "Add"])


@pytest.mark.parametrize(
    ("op", "attributes", "known"),
    [
        ("Shape", {}, [2, 3, 4, 5]),
        ("Shape", {"start": 1, "end": -1}, [3, 4]),
        ("Shape", {"start": -2}, [4, 5]),
        ("Size", {}, 120),
    ],
)
@pytest.mark.parametrize("dynamic", [False, True])
def test_shapes_that_are_known_are_constants(op: str, attributes: dict, known: list, dynamic: bool) -> None:
    """With an unknown batch only the extents behind it are."""
    net = Net(dynamic=dynamic)
    extents = net.node(op, net.input(2, 3, 4, 5), **attributes)
    y = net.node("Mul", net.relu("x"), net.node("ReduceMax", net.node("Cast", extents, to=TensorProto.FLOAT)))
    found = prepared(net.model(y))
    told = not dynamic or "start" in attributes
    assert operators(found) == (["Relu", "Mul"] if told else [op, "Relu", "Cast", "ReduceMax", "Mul"])
    if told:
        (largest,) = found.graph.initializers.values()
        assert largest.const_value.numpy().item() == np.max(known)


def test_the_shape_of_a_tensor_that_nobody_knows_is_none() -> None:
    nodes = [
        helper.make_node("Custom", ["x"], ["t"], "custom", domain="custom"),
        helper.make_node("Shape", ["t"], ["extents"], "shape"),
        helper.make_node("Expand", ["c", "extents"], ["y"], "expand"),
    ]
    assert operators(prepared(described(nodes, 17))) == ["Custom", "Shape", "Expand"]


def test_an_expression_that_has_no_value_stays_for_the_runtime_to_refuse() -> None:
    net = Net()
    wrong = net.node("Reshape", np.ones(6), np.asarray([4]))
    net.types[wrong] = helper.make_tensor_type_proto(TensorProto.FLOAT, [4])
    y = net.node("Add", net.input(2, 4), wrong)
    assert operators(prepared(net.model(y))) == ["Reshape", "Add"]


@pytest.mark.parametrize("taken", [None, "constant", "tensor"])
def test_the_target_of_a_reshape_with_one_unknown_extent_is_a_constant(taken: str | None) -> None:
    """Exporters compute it from the batch; then a scale folds through. Its name is no one that is there."""
    net = Net(dynamic=True)
    x = net.node("Mul", net.input(2, 4, 3, 3), net.random.uniform(0.5, 2, (4, 1, 1)))
    batch = net.node("Slice", net.node("Shape", x), [0], [1])
    target = net.node("Concat", batch, np.asarray([36]), axis=0)
    if taken == "constant":
        x = net.node("Add", x, net.constant(0.0, "flat.y.shape"))
    elif taken == "tensor":
        x = net.node("Identity", x)
        net.nodes[-1].output[0] = "flat.y.shape"
        net.types["flat.y.shape"], x = net.types[x], "flat.y.shape"
    y = net.node("Reshape", x, target, name="flat")
    y = net.node("Gemm", y, net.normal(36, 5), net.normal(5))
    net.types[y] = helper.make_tensor_type_proto(TensorProto.FLOAT, [2, 5])
    model = net.model(y)
    folded = fold(model)
    onnx.checker.check_model(ir.to_proto(folded.rounded), full_check=True)
    assert disagreement(folded, net.feeds()) < 1e-10
    assert folded.kept == []
    assert "Shape" not in operators(folded.rounded)


def test_a_reshape_with_two_unknown_extents_keeps_its_target() -> None:
    net = Net(dynamic=True)
    x = net.node("Mul", net.input(2, 4, 3), net.input(2, 1, 1, name="other"))
    target = net.node("Concat", net.node("Slice", net.node("Shape", x), [0], [2]), np.asarray([1, 3]), axis=0)
    y = net.node("Reshape", x, target)
    net.types[y] = helper.make_tensor_type_proto(TensorProto.FLOAT, [2, 4, 1, 3])
    model = net.model(net.relu(y))
    for value in model.graph.input:
        value.type.tensor_type.shape.dim[1].dim_param = "m"
    assert "Shape" in operators(prepared(model))
