"""Folds inside the subgraphs of If and Loop, and inside inlined functions: proved, and refused where they are off."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import onnx
import pytest
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from benchmarks.conformance.cases import CASES
from bnfold.proof.reading.network import Network
from bnfold.proof.reading.subgraphs import inside
from tests.proof.folds import Fold

Tamper = Callable[[GraphProto, NodeProto], None]


def folded(name: str) -> Fold:
    (case,) = (case for case in CASES if case.name == name)
    return Fold.of(case.model())


def nodes(graph: GraphProto) -> Iterator[NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from nodes(attribute.g)


def graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from graphs(attribute.g)


def off(index: int) -> Tamper:
    def tamper(graph: GraphProto, node: NodeProto) -> None:
        (stored,) = (t for g in graphs(graph) for t in g.initializer if t.name == node.input[index])
        value = numpy_helper.to_array(stored).copy()
        value.reshape(-1)[1] *= np.float32(1 + 2.0**-20)
        stored.CopyFrom(numpy_helper.from_array(value, stored.name))

    return tamper


def another(op: str) -> Tamper:
    def tamper(graph: GraphProto, node: NodeProto) -> None:
        node.op_type = op

    return tamper


def strided(graph: GraphProto, node: NodeProto) -> None:
    node.attribute.append(helper.make_attribute("pads", [1, 1, 0, 0]))


def rewired(graph: GraphProto, node: NodeProto) -> None:
    node.input[0] = "x"


TAMPERED = {
    "a weight in a branch": ("if-conv-bn", "conv3.node", off(1), "conv3.node"),
    "a bias in a branch": ("if-two-chains", "conv20.node", off(2), "conv20.node"),
    "an operator in a branch": ("if-two-chains", "relu26.node", another("Abs"), "relu26.node"),
    "pads in a branch": ("if-conv-bn", "conv3.node", strided, "conv3.node"),
    "a weight in front of branches": ("if-across", "conv3.node", off(1), "conv3.node"),
    "what a branch reads": ("if-across", "tanh11.node", rewired, "tanh11.node"),
    "a weight in a turn": ("loop-conv-bn", "conv7.node", off(1), "conv7.node"),
    "an operator in a turn": ("loop-conv-bn", "tanh13.node", another("Sigmoid"), "tanh13.node"),
    "a weight in a turn in a branch": ("loop-in-if", "conv6.node", off(1), "conv6.node"),
    "a weight in front of a call": ("function-bn", "conv3.node", off(1), "conv3.node"),
    "an operator of a call": ("function-in-function", "node_2", another("Sigmoid"), "Tanh:block8"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_is_off_inside_is_refused_where_it_is(name: str) -> None:
    case, site, tamper, guilty = TAMPERED[name]
    fold = folded(case)
    assert fold.proof().unproved == ()
    (node,) = (node for node in nodes(fold.folded.graph) if node.name == site)
    tamper(fold.folded.graph, node)
    assert fold.proof().unproved[0].node == guilty


def test_branches_that_changed_places_are_refused() -> None:
    fold = folded("if-conv-bn")
    (node,) = (node for node in fold.folded.graph.node if node.op_type == "If")
    first, second = node.attribute
    first.name, second.name = second.name, first.name
    assert not fold.proof().proved


def test_another_condition_is_refused() -> None:
    fold = folded("loop-conv-bn")
    (body,) = (a.g for node in fold.folded.graph.node for a in node.attribute if node.op_type == "Loop")
    (node,) = (node for node in body.node if node.output[0] == "go_on")
    node.op_type = "Not"
    assert fold.proof().unproved[0].tensor == "go_on"


def growing(grows: bool) -> Network:
    """A Loop whose carried matrix gets one row more each turn, or none."""
    carried = helper.make_tensor_value_info("h", TensorProto.FLOAT, None)
    body = helper.make_graph(
        [
            helper.make_node("Concat", ["h", "row"], ["g"], axis=0)
            if grows
            else helper.make_node("Add", ["h", "row"], ["g"]),
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            carried,
        ],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []), helper.make_tensor_value_info("g", 1, None)],
        [numpy_helper.from_array(np.zeros((1, 3), np.float32), "row")],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["turns", "", "x"], ["y"], body=body)],
        "g",
        [
            helper.make_tensor_value_info("turns", TensorProto.INT64, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    return Network(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))


@pytest.mark.parametrize(("grows", "shape"), [(False, (2, 3)), (True, (None, 3))])
def test_extents_of_what_a_loop_carries_hold_for_every_turn(grows: bool, shape: tuple[int | None, int]) -> None:
    network = growing(grows)
    (body,) = inside(network, network.nodes[0])
    assert body.shape("h") == shape


def test_a_subgraph_that_writes_a_tensor_of_the_graph_around_it_is_refused() -> None:
    fold = folded("if-across")
    for node in nodes(fold.folded.graph):
        if node.op_type in ("Tanh", "Sigmoid"):
            node.output[0] = "conv3.folded"
    for graph in graphs(fold.folded.graph):
        if graph is not fold.folded.graph:
            graph.output[0].name = "conv3.folded"
    assert isinstance(fold.folded, onnx.ModelProto)
    assert not fold.proof().proved


def two_outputs() -> onnx.ModelProto:
    """An If with two outputs, of which each branch computes one by a Conv and a BatchNormalization."""
    random = np.random.default_rng(2)
    shapes = {"w": (4, 3, 1, 1), "gamma": 4, "beta": 4, "mean": 4, "variance": 4}
    constants = [
        numpy_helper.from_array(random.uniform(0.5, 1.5, shape).astype(np.float32), n) for n, shape in shapes.items()
    ]

    def branch(end: str) -> GraphProto:
        made = [
            helper.make_node("Conv", ["x", "w"], [f"a{end}"], f"conv{end}"),
            helper.make_node("BatchNormalization", [f"a{end}", *list(shapes)[1:]], [f"b{end}"], f"bn{end}"),
            helper.make_node("Tanh", [f"b{end}"], [f"c{end}"], f"tanh{end}"),
        ]
        results = [helper.make_tensor_value_info(f"{n}{end}", TensorProto.FLOAT, [1, 4, 2, 2]) for n in "bc"]
        return helper.make_graph(made, f"g{end}", [], results)

    node = helper.make_node("If", ["go"], ["y", "z"], "if", then_branch=branch("1"), else_branch=branch("2"))
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 2, 2]),
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 2, 2]) for name in "yz"]
    graph = helper.make_graph([node], "g", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_every_node_that_runs_a_subgraph_is_walked() -> None:
    """The second output comes from a second If, which is not the first one again."""
    fold = Fold.of(two_outputs())
    assert fold.proof().unproved == ()
    (first,) = (node for node in fold.folded.graph.node if node.op_type == "If")
    second = fold.folded.graph.node.add()
    second.CopyFrom(first)
    first.output[:], second.output[:] = ["y", "unread"], ["unread too", "z"]
    assert fold.proof().unproved == ()
    (tanh, _) = (node for attribute in second.attribute for node in attribute.g.node if node.op_type == "Tanh")
    tanh.op_type = "Sigmoid"
    assert fold.proof().unproved[0].node.startswith("tanh")
