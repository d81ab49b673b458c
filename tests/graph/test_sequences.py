"""A sequence that only carries the parts of a split tensor becomes a Split; any other stays as it is."""

from collections.abc import Sequence

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from bnfold.graph.constants import evaluate_constants

SHAPE = (2, 7, 3)
Built = tuple[list[onnx.NodeProto], list[onnx.TensorProto]]


def number(name: str, value: object) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value, np.int64), name)


def parts(sizes: object, positions: Sequence[object], axis: int = 1, **attributes: int) -> Built:
    """The input -> SplitToSequence -> one SequenceAt per position -> Relu -> y0, y1, ..."""
    nodes = [helper.make_node("SplitToSequence", ["x", "sizes"], ["parts"], axis=axis, **attributes)]
    constants = [number("sizes", sizes)]
    for i, position in enumerate(positions):
        nodes.append(helper.make_node("SequenceAt", ["parts", f"at{i}"], [f"p{i}"]))
        nodes.append(helper.make_node("Relu", [f"p{i}"], [f"y{i}"]))
        constants.append(number(f"at{i}", position))
    return nodes, constants


def model(built: Built, outputs: Sequence[str], opset: int = 17, inputs: Sequence[str] = ()) -> onnx.ModelProto:
    nodes, constants = built
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)
    given = [helper.make_tensor_value_info(name, TensorProto.INT64, []) for name in inputs]
    written = [
        helper.make_tensor_sequence_value_info(name, TensorProto.FLOAT, None)
        if name == "parts"
        else helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in outputs
    ]
    graph = helper.make_graph(nodes, "g", [x, *given], written, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def ops(prepared: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in prepared.graph.node]


def evaluated(before: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its constants evaluated, which must be valid, keep its outputs and compute the same bits."""
    read = ir.from_proto(before)
    evaluate_constants(read)
    after = ir.to_proto(read)
    onnx.shape_inference.infer_shapes(after, strict_mode=True)
    assert [value.name for value in after.graph.output] == [value.name for value in before.graph.output]
    feeds = {"x": np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)}
    feeds |= {value.name: np.asarray(1) for value in before.graph.input[1:]}
    expected, found = (ReferenceEvaluator(each).run(None, feeds) for each in (before, after))
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_equal(one, other)
    return after


@given(st.data(), st.sampled_from([0, 1, 2, -1, -2]))
def test_parts_become_outputs_of_a_split(data: st.DataObject, axis: int) -> None:
    extent = SHAPE[axis]
    if data.draw(st.booleans(), "one size for all"):
        size: object = (chunk := data.draw(st.integers(1, extent + 1), "size"))
        count = -(-extent // chunk)
    else:
        cuts = sorted(data.draw(st.sets(st.integers(1, extent - 1)), "cuts"))
        size = np.diff([0, *cuts, extent])
        count = len(cuts) + 1
    positions = data.draw(st.lists(st.integers(-count, count - 1), min_size=1, max_size=4), "positions")
    after = evaluated(model(parts(size, positions, axis), [f"y{i}" for i in range(len(positions))]))
    assert sorted(set(ops(after))) == ["Relu", "Split"]


def test_parts_that_are_outputs_keep_their_names() -> None:
    after = evaluated(model(parts(3, [0, 2, 0]), ["p0", "y1", "p2"]))
    assert "SplitToSequence" not in ops(after)
    assert "SequenceAt" not in ops(after)


def subgraph_reader() -> Built:
    """A part is taken in the branches of an If."""
    nodes, constants = parts(3, [0])
    take = helper.make_node("SequenceAt", ["parts", "at0"], ["taken"])
    branch = helper.make_graph([take], "b", [], [helper.make_tensor_value_info("taken", TensorProto.FLOAT, None)])
    nodes.append(helper.make_node("Cast", ["which"], ["condition"], to=TensorProto.BOOL))
    nodes.append(helper.make_node("If", ["condition"], ["z"], then_branch=branch, else_branch=branch))
    return nodes, constants


def counted() -> Built:
    """The sequence is also asked for its length."""
    nodes, constants = parts(3, [0])
    nodes.append(helper.make_node("SequenceLength", ["parts"], ["n"]))
    nodes.append(helper.make_node("Cast", ["n"], ["z"], to=TensorProto.FLOAT))
    return nodes, constants


def chosen_by_an_input() -> Built:
    nodes, constants = parts(3, [0])
    nodes[1].input[1] = "which"
    return nodes, constants


def sized_by_an_input() -> Built:
    nodes, constants = parts(3, [0])
    nodes[0].input[1] = "which"
    return nodes, constants


def without_sizes() -> Built:
    """Every part is a slice of extent 1, and its axis goes."""
    nodes, constants = parts(1, [0, 1], keepdims=0)
    del nodes[0].input[1]
    return nodes, constants


REFUSED = {
    "the sequence is an output": model(parts(3, [0]), ["y0", "parts"]),
    "a reader in a body": model(subgraph_reader(), ["y0", "z"], inputs=["which"]),
    "another reader": model(counted(), ["y0", "z"]),
    "a position that is no constant": model(chosen_by_an_input(), ["y0"], inputs=["which"]),
    "sizes that are no constant": model(sized_by_an_input(), ["y0"], inputs=["which"]),
    "the axis is dropped": model(without_sizes(), ["y0", "y1"]),
    "a Split that has its sizes as an attribute": model(parts(3, [0]), ["y0"], opset=12),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_other_sequences_stay(reason: str) -> None:
    after = evaluated(REFUSED[reason])
    assert "SplitToSequence" in ops(after)
    assert "Split" not in ops(after)


def test_a_size_of_an_extent_that_is_not_known_stays() -> None:
    before = model(parts(3, [0]), ["y0"])
    before.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "channels"
    assert "SplitToSequence" in ops(evaluated(before))
