"""A model in its own float types: every result rounded as a processor would that stores it so."""

from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from bnfold.verification.emulation import Emulation
from bnfold.verification.runtime import session_outputs

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
KINDS = {
    np.dtype(np.float16): TensorProto.FLOAT16,
    BFLOAT16: TensorProto.BFLOAT16,
    np.dtype(np.float32): TensorProto.FLOAT,
}


def model(
    kind: np.dtype, nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray], size: int = 64
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", KINDS[kind], [size])],
        [onnx.ValueInfoProto(name="y")],
        [numpy_helper.from_array(w, n) for n, w in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def chain(kind: np.dtype) -> onnx.ModelProto:
    weights = {n: np.random.default_rng(i).normal(size=64).astype(kind) for i, n in enumerate("abc")}
    nodes = [
        helper.make_node("Mul", ["x", "a"], ["s"]),
        helper.make_node("Add", ["s", "b"], ["t"]),
        helper.make_node("Div", ["t", "c"], ["y"]),
    ]
    return model(kind, nodes, weights)


@pytest.mark.parametrize("kind", KINDS)
def test_every_operator_is_rounded_as_numpy_rounds_it(kind: np.dtype) -> None:
    """Elementwise operators of numpy are correctly rounded in every type, so nothing may differ in a single bit."""
    net = chain(kind)
    a, b, c = (numpy_helper.to_array(t) for t in net.graph.initializer)
    x = np.random.default_rng(9).normal(size=64).astype(kind)
    found = Emulation(ir.from_proto(net)).run({"x": x})["y"]
    assert found.dtype == kind
    np.testing.assert_array_equal(found, (x * a + b) / c)


@pytest.mark.parametrize("op", ["Mul", "Add", "Div"])
def test_float16_is_what_onnx_runtime_computes(op: str, tmp_path: Path) -> None:
    """Of one operator: in a row of them it may keep float32 in between."""
    kind = np.dtype(np.float16)
    made = model(kind, [helper.make_node(op, ["x", "a"], ["y"])], {"a": np.linspace(0.1, 3, 64).astype(kind)})
    onnx.save(made, tmp_path / "m.onnx")
    x = np.random.default_rng(9).normal(size=64).astype(kind)
    (theirs,) = session_outputs(str(tmp_path / "m.onnx"), [{"x": x}])
    np.testing.assert_array_equal(Emulation(ir.from_proto(made)).run({"x": x})["y"], theirs["y"])


def test_a_cast_changes_the_type_from_there_on() -> None:
    third = np.array([1 / 3], np.float32)
    nodes = [
        helper.make_node("Cast", ["x"], ["n"], to=TensorProto.FLOAT16),
        helper.make_node("Add", ["n", "n"], ["m"]),
        helper.make_node("Cast", ["m"], ["w"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["w", "third"], ["y"]),
    ]
    x = np.linspace(0, 3, 64, dtype=np.float32)
    found = Emulation(ir.from_proto(model(np.dtype(np.float32), nodes, {"third": third}))).run({"x": x})["y"]
    half = x.astype(np.float16)
    np.testing.assert_array_equal(found, (half + half).astype(np.float32) * third)
    assert found.dtype == np.float32


def test_a_wider_model_can_be_held_in_a_narrower_type() -> None:
    wide = chain(np.dtype(np.float32))
    a, b, c = (numpy_helper.to_array(t).astype(np.float16) for t in wide.graph.initializer)
    x = np.random.default_rng(9).normal(size=64).astype(np.float32)
    found = Emulation(ir.from_proto(wide), np.dtype(np.float16)).run({"x": x})["y"]
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, (x.astype(np.float16) * a + b) / c)


def test_beyond_the_range_of_the_type_is_infinite() -> None:
    nodes = [helper.make_node("Mul", ["x", "x"], ["s"]), helper.make_node("Sub", ["s", "s"], ["y"])]
    found = Emulation(ir.from_proto(model(np.dtype(np.float16), nodes, {}))).run({"x": np.full(64, 300, np.float16)})
    assert np.isnan(found["y"]).all()


def test_integers_pass_through() -> None:
    nodes = [helper.make_node("ArgMax", ["x"], ["y"], axis=0, keepdims=1)]
    x = np.arange(64).astype(BFLOAT16)
    found = Emulation(ir.from_proto(model(BFLOAT16, nodes, {}))).run({"x": x})["y"]
    assert (found.dtype, found.tolist()) == (np.int64, [63])
