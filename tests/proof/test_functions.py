"""Functions and operators of other domains: equal bodies, equal calls, original units."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from bnfold.proof.certificate import Certificate
from bnfold.proof.checker import check
from bnfold.proof.reading.network import Network
from bnfold.proof.result import Proof


def calling(op: str, *, body: bool = True, alpha: float = 1.0) -> onnx.ModelProto:
    """Input x -> my.act -> y, the function computing `op`."""
    node = helper.make_node("act", ["x"], ["y"], "call", domain="my", alpha=alpha)
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in ("x", "y")]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my", 1)]
    inner = [helper.make_node(op, ["a"], ["b"])]
    functions = [helper.make_function("my", "act", ["a"], ["b"], inner, opsets[:1])] if body else []
    graph = helper.make_graph([node], "g", info[:1], info[1:])
    return helper.make_model(graph, functions=functions, opset_imports=opsets)


def compare(original: onnx.ModelProto, folded: onnx.ModelProto) -> Proof:
    return check(Network(original), Network(folded), Certificate({}))


def test_equal_functions_are_equal() -> None:
    assert compare(calling("Relu"), calling("Relu")).proved


def test_another_body_is_refused() -> None:
    assert compare(calling("Relu"), calling("Abs")).unproved[0].tensor == "operators"


def test_a_function_that_is_gone_or_new_is_refused() -> None:
    assert not compare(calling("Relu"), calling("Relu", body=False)).proved
    assert not compare(calling("Relu", body=False), calling("Relu")).proved


def test_another_attribute_is_refused() -> None:
    assert compare(calling("Relu"), calling("Relu", alpha=2.0)).unproved[0].node == "call"
