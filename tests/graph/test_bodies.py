"""Bodies of If, Loop and Scan: what is inside folds as what is outside does, and neither disturbs the other."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

import bnfold
from bnfold.graph.bodies import name_apart
from bnfold.plan import Code
from tests.gauge.contract import assert_interface, initializers, runtime
from tests.networks import Folded, Net, disagreement, fold

SHAPE = (2, 4, 4, 4)
Build = Callable[[Net], str]


def info(name: str, shape: Sequence[int] | None = SHAPE, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def inside(net: Net, build: Build, name: str, inputs: Sequence[onnx.ValueInfoProto] = ()) -> onnx.GraphProto:
    """The nodes that `build` appends to the network as a graph with one output; constants stay outside."""
    start = len(net.nodes)
    output = build(net)
    nodes = net.nodes[start:]
    del net.nodes[start:]
    return helper.make_graph(nodes, name, list(inputs), [info(output, net.shape(output))])


def branches(net: Net, *builds: Build) -> str:
    """An If on the graph input `flag`."""
    bodies = [inside(net, build, f"b{i}") for i, build in enumerate(builds)]
    net.nodes.append(helper.make_node("If", ["flag"], ["if.y"], "branch", then_branch=bodies[0], else_branch=bodies[1]))
    net.types["if.y"] = helper.make_tensor_type_proto(TensorProto.FLOAT, SHAPE)
    return "if.y"


def loop(net: Net, x: str, build: Callable[[Net, str], str], turns: int = 3) -> str:
    """A Loop that carries one tensor, of the shape of x, through `build`."""
    net.types["carried"] = helper.make_tensor_type_proto(TensorProto.FLOAT, SHAPE)
    inputs = [info("turn", (), TensorProto.INT64), info("go", (), TensorProto.BOOL), info("carried")]
    body = inside(net, lambda net: build(net, "carried"), "body", inputs)
    body.node.append(helper.make_node("Identity", ["go"], ["go_on"]))
    body.output.insert(0, info("go_on", (), TensorProto.BOOL))
    names = [net.constant(np.asarray(turns, np.int64)), net.constant(np.asarray(True)), x]
    net.nodes.append(helper.make_node("Loop", names, ["loop.y"], "loop", body=body))
    net.types["loop.y"] = helper.make_tensor_type_proto(TensorProto.FLOAT, SHAPE)
    return "loop.y"


def scan(net: Net, x: str, build: Callable[[Net, str], str]) -> str:
    """A Scan over the first axis of x, [n, 2, 4, 4, 4]."""
    net.types["part"] = helper.make_tensor_type_proto(TensorProto.FLOAT, SHAPE)
    body = inside(net, lambda net: build(net, "part"), "body", [info("part")])
    net.nodes.append(helper.make_node("Scan", [x], ["scan.y"], "scan", body=body, num_scan_inputs=1))
    net.types["scan.y"] = helper.make_tensor_type_proto(TensorProto.FLOAT, (3, *SHAPE))
    return "scan.y"


def check(net: Net, *outputs: str) -> Folded:
    proto = net.model(*outputs)
    if any("flag" in node.input for node in proto.graph.node):
        proto.graph.input.append(info("flag", (), TensorProto.BOOL))
    onnx.checker.check_model(proto, full_check=True)
    folded = fold(proto)
    assert_interface(folded)
    after = ir.to_proto(folded.rounded)
    onnx.checker.check_model(after, full_check=True)
    for flag in (True, False):
        feeds = net.feeds() | ({"flag": np.asarray(flag)} if len(proto.graph.input) > len(net.inputs) else {})
        assert disagreement(folded, feeds) <= 1e-10
        for before, value in zip(runtime(proto, feeds), runtime(after, feeds), strict=True):
            np.testing.assert_allclose(before, value, rtol=1e-4, atol=1e-5)
    return folded


def ops(folded: Folded) -> list[str]:
    return [node.op_type for node in folded.rounded.graph.all_nodes()]


def test_inside_a_branch():
    net = Net()
    x = net.input(*SHAPE)
    y = branches(net, lambda net: net.bn(net.conv(x, 4), name="bn"), lambda net: net.node("Sigmoid", x))
    folded = check(net, y)
    assert folded.kept == []
    assert [(d.node, d.into) for d in folded.plan.decisions] == [
        ("branch/then_branch/bn", ("branch/then_branch/conv0",))
    ]
    assert sorted(ops(folded)) == ["Conv", "If", "Sigmoid"]


def test_across_the_border():
    """The output of the convolution outside is read by both branches alone: it takes up what both do first."""
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    shared = [net.random.uniform(0.5, 2, 4), *net.random.normal(size=(2, 4)), net.random.uniform(0.5, 2, 4)]
    y = branches(
        net,
        lambda net: net.node("Sigmoid", net.node("BatchNormalization", x, *shared)),
        lambda net: net.node("Tanh", net.node("BatchNormalization", x, *shared)),
    )
    assert sorted(ops(check(net, y))) == ["Conv", "If", "Sigmoid", "Tanh"]


def test_a_capture_that_another_reader_needs_unchanged():
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    other = net.node("Sigmoid", x, name="other")
    y = branches(net, lambda net: net.node("Tanh", net.bn(x, name="bn")), lambda net: net.node("Tanh", x))
    folded = check(net, y, other)
    assert folded.kept == ["branch/then_branch/bn"]
    assert folded.decision("branch/then_branch/bn").reason.code in (Code.SCALE, Code.SHIFT)
    assert initializers(folded.rounded) == initializers(folded.prepared)


def test_the_removed_operator_was_all_the_branch_did():
    """A body has to produce its output itself, even where nothing is left to do."""
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    y = branches(net, lambda net: net.bn(x), lambda net: net.node("Identity", net.bn(net.conv(x, 4))))
    folded = check(net, y)
    assert "BatchNormalization" in ops(folded) or ops(folded).count("Identity") > 0


def test_a_weight_that_both_branches_read():
    net = Net()
    x = net.input(*SHAPE)
    weight = net.constant(net.normal(4, 4, 3, 3), "w")
    pads = {"pads": [1] * 4}
    y = branches(
        net,
        lambda net: net.bn(net.node("Conv", x, weight, name="normalized", **pads)),
        lambda net: net.node("Conv", x, weight, name="plain", **pads),
    )
    folded = check(net, y)
    assert folded.kept == []
    read = {node.name: node.inputs[1].name for node in folded.rounded.graph.all_nodes() if node.op_type == "Conv"}
    assert read["plain"] == "w" != read["normalized"]
    assert initializers(folded.rounded)["w"] == initializers(folded.prepared)["w"]


def test_a_loop():
    net = Net()
    x = net.node("Sigmoid", net.input(*SHAPE))
    folded = check(net, loop(net, x, lambda net, t: net.node("Tanh", net.bn(net.conv(t, 4)))))
    assert folded.kept == []
    assert [decision.node for decision in folded.plan.decisions] == ["loop/body/batchnormalization2"]


def test_what_a_loop_carries_keeps_its_units():
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    y = loop(net, net.bn(x, name="before"), lambda net, t: net.conv(net.bn(t, name="inside"), 4, pads=[1] * 4))
    folded = check(net, net.conv(net.bn(y, name="behind"), 4, 1))
    assert folded.kept == ["loop/body/inside"]


def test_a_scan():
    net = Net()
    folded = check(net, scan(net, net.input(3, *SHAPE), lambda net, t: net.relu(net.bn(net.conv(t, 4)))))
    assert folded.kept == []


def test_bodies_in_bodies():
    net = Net()
    x = net.input(*SHAPE)

    def nested(net: Net) -> str:
        return loop(net, net.conv(x, 4), lambda net, t: net.node("Tanh", net.bn(net.conv(net.node("Add", t, x), 4))))

    folded = check(net, branches(net, nested, lambda net: net.bn(net.conv(x, 4))))
    assert folded.kept == []
    assert {decision.node.rsplit("/", 1)[0] for decision in folded.plan.decisions} == {
        "branch/then_branch/loop/body",
        "branch/else_branch",
    }


def test_branches_with_equal_names():
    """Tensors side by side may have the same name; also initializers and nodes of the bodies."""
    net = Net()
    x = net.input(*SHAPE)
    y = branches(net, lambda net: net.bn(net.conv(x, 4)), lambda net: net.bn(net.conv(x, 4)))
    proto = net.model(y)
    proto.graph.input.append(info("flag", (), TensorProto.BOOL))
    values = {tensor.name: tensor for tensor in proto.graph.initializer}
    names: dict[str, str] = {}
    for attribute in proto.graph.node[-1].attribute:
        names = {}
        for i, node in enumerate(attribute.g.node):
            node.name = f"n{i}"
            for slot in (node.input, node.output):
                slot[:] = [names.setdefault(name, f"v{len(names)}") if name != x else x for name in slot]
        for old, new in names.items():
            if old in values:
                tensor = onnx.TensorProto()
                tensor.CopyFrom(values[old])
                tensor.name = new
                attribute.g.initializer.append(tensor)
        attribute.g.output[0].name = attribute.g.node[-1].output[0]
    del proto.graph.initializer[:]
    onnx.checker.check_model(proto, full_check=True)
    folded = fold(proto)
    assert folded.kept == []
    for flag in (True, False):
        feeds = net.feeds() | {"flag": np.asarray(flag)}
        assert disagreement(folded, feeds) <= 1e-10
    for body in (node.attributes for node in folded.rounded.graph if node.op_type == "If"):
        assert all(not body[name].as_graph().initializers for name in ("then_branch", "else_branch"))


def test_constants_computed_in_a_body():
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)

    def frozen(net: Net) -> str:
        root = net.node("Sqrt", net.node("Add", net.random.uniform(0.5, 1, (4, 1, 1)), 1e-3))
        return net.node("Div", net.conv(x, 4), root)

    folded = check(net, branches(net, frozen, lambda net: net.node("Tanh", x)))
    assert folded.kept == []
    assert sorted(ops(folded)) == ["Conv", "Conv", "If", "Tanh"]


def test_a_body_input_is_no_constant():
    """An initializer of the same name as an input of a body is only what the body would take if nobody fed it."""
    net = Net()
    x = net.input(*SHAPE)
    y = loop(net, x, lambda net, t: net.node("Tanh", net.node("Mul", t, 2.0, name="twice")))
    proto = net.model(y)
    (body,) = (attribute.g for attribute in proto.graph.node[-1].attribute)
    body.initializer.append(numpy_helper.from_array(np.ones(SHAPE, np.float32), "carried"))
    folded = fold(proto)
    assert folded.kept == ["loop/body/twice"]


@pytest.mark.parametrize("turns", [0, 3])
def test_the_whole_way(turns: int):
    """Proof included: new weights of bodies lie where the proof looks at them."""
    net = Net()
    x = net.bn(net.conv(net.input(2, 3, 4, 4), 4))
    y = loop(net, x, lambda net, t: net.node("Tanh", net.bn(net.conv(t, 4))), turns)
    report = bnfold.fold(net.model(y)).report
    assert report.verification.verdict == "equivalent"
    assert report.affine.removed == 2
    assert report.verification.algebra.weights.checked > 4 * 4 * 9


def test_an_operator_of_another_domain_keeps_what_its_graph_reads():
    """Nobody knows what it does with its graph, so the graph stays as it is."""
    net = Net()
    x = net.input(*SHAPE)
    y = net.conv(x, 4, 1)
    graph = inside(net, lambda net: net.node("Tanh", net.bn(y)), "inner")
    proto = net.model(net.bn(y, name="it"))
    proto.graph.node.append(helper.make_node("Custom", [x], ["z"], "custom", domain="elsewhere", body=graph))
    proto.graph.output.append(info("z"))
    proto.opset_import.append(helper.make_opsetid("elsewhere", 1))
    folded = fold(proto)
    assert folded.kept == ["it"]
    assert folded.decision("it").reason.against == "custom"
    assert initializers(folded.rounded) == initializers(folded.prepared)


def test_names_apart_are_stable():
    net = Net()
    x = net.input(*SHAPE)
    proto = net.model(branches(net, lambda net: net.node("Sigmoid", x), lambda net: net.node("Tanh", x)))
    read = ir.from_proto(proto)
    name_apart(read)
    assert ir.to_proto(read) == ir.to_proto(ir.from_proto(proto))


def test_what_a_dead_branch_reads_is_dead_too():
    """Nobody reads the If, so what its branches capture must not stand in the way of the fold."""
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    captured = net.node("Sigmoid", x)
    branches(net, lambda net: net.node("Relu", captured), lambda net: net.node("Identity", x))
    folded = check(net, net.bn(x))
    assert folded.kept == []
    assert ops(folded) == ["Conv"]
