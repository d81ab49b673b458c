"""What a second reader, a caller or a subgraph sees is not changed by a fold."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from bnfold.plan import Code
from tests.gauge.contract import check, initializers
from tests.networks import Net, disagreement, fold


def test_a_shared_weight_stays_for_its_other_reader():
    net = Net()
    x = net.input(1, 3, 4, 4)
    weight = net.constant(net.normal(4, 3, 3, 3), "w")
    y = net.bn(net.node("Conv", x, weight, name="first"))
    z = net.node("Conv", x, weight, name="second")
    folded = check(net, [y, z])
    assert folded.kept == []
    readers = {node.name: node.inputs[1].name for node in folded.rounded.graph if node.op_type == "Conv"}
    assert readers["second"] == "w"
    assert readers["first"] != "w"
    assert initializers(folded.rounded)["w"] == initializers(folded.prepared)["w"]


@pytest.mark.parametrize("index", range(2))
def test_a_weight_that_the_model_returns_stays(index):
    """An output may be an initializer itself."""
    net = Net()
    model = net.model(net.bn(net.conv(net.input(1, 3, 4, 4), 4)))
    name = model.graph.node[0].input[1 + index]
    (tensor,) = (tensor for tensor in model.graph.initializer if tensor.name == name)
    model.graph.output.append(helper.make_tensor_value_info(name, tensor.data_type, list(tensor.dims)))
    folded = fold(model)
    assert folded.kept == []
    assert disagreement(folded, net.feeds()) < 1e-10
    assert initializers(folded.rounded)[name] == initializers(folded.prepared)[name]


def test_a_shared_batch_normalization_stays_for_its_other_reader():
    """The kept one is rewritten into constants of its own."""
    net = Net()
    x = net.input(1, 4, 4, 4)
    shared = [net.constant(value) for value in net.random.uniform(0.5, 2, (4, 4))]
    y = net.node("BatchNormalization", net.conv(x, 4), *shared)
    z = net.conv(net.node("BatchNormalization", net.relu(y), *shared, name="kept"), 4)
    assert check(net, [z, net.node("BatchNormalization", net.node("Sigmoid", x), *shared)]).kept


def test_an_overridable_initializer():
    """Since IR version 4 the caller may replace an initializer that is also an input."""
    net = Net()
    x = net.conv(net.input(1, 3, 4, 4), 4)
    y = net.bn(x, name="it")
    model = net.model(y)
    gamma = model.graph.node[1].input[1]
    model.graph.input.append(helper.make_tensor_value_info(gamma, TensorProto.FLOAT, [4]))
    folded = fold(model)
    assert folded.decision("it").reason.code is Code.OVERRIDABLE
    assert [value.name for value in folded.rounded.graph.inputs] == ["x", gamma]
    assert initializers(folded.rounded) == initializers(folded.prepared)


def test_an_overridable_weight():
    net = Net()
    y = net.bn(net.conv(net.input(1, 3, 4, 4), 4), name="it")
    model = net.model(y)
    model.graph.input.append(helper.make_tensor_value_info("k0", TensorProto.FLOAT, [4, 3, 3, 3]))
    assert fold(model).kept == ["it"]


def test_values_captured_by_a_subgraph():
    """What an If reads keeps its units: the BN behind it stays, the one whose output it reads goes."""
    net = Net()
    x = net.input(1, 3, 4, 4)
    y = net.bn(net.conv(x, 4), name="first")
    z = net.bn(y, name="it")
    model = net.model(z)
    branch = [
        helper.make_graph([helper.make_node(op, [y], [f"{op}.y"])], op, [], [onnx.ValueInfoProto(name=f"{op}.y")])
        for op in ("Sigmoid", "Tanh")
    ]
    node = helper.make_node("If", ["flag"], ["picked"], name="branch", then_branch=branch[0], else_branch=branch[1])
    model.graph.node.append(node)
    model.graph.input.append(helper.make_tensor_value_info("flag", TensorProto.BOOL, []))
    model.graph.output.append(helper.make_tensor_value_info("picked", TensorProto.FLOAT, [1, 4, 4, 4]))
    onnx.checker.check_model(model)
    folded = fold(model)
    assert folded.kept == ["it"]
    assert folded.decision("it").reason.against == "branch/else_branch/Tanh:Tanh.y"
    onnx.checker.check_model(ir.to_proto(folded.rounded))
    feeds = net.feeds() | {"flag": np.asarray(True)}
    assert disagreement(folded, feeds) < 1e-10


def test_weights_read_by_a_subgraph():
    net = Net()
    y = net.bn(net.conv(net.input(1, 3, 4, 4), 4))
    model = net.model(y)
    branch = [
        helper.make_graph([helper.make_node(op, ["k0"], [f"{op}.y"])], op, [], [onnx.ValueInfoProto(name=f"{op}.y")])
        for op in ("Sigmoid", "Tanh")
    ]
    model.graph.node.append(
        helper.make_node("If", ["flag"], ["picked"], name="branch", then_branch=branch[0], else_branch=branch[1])
    )
    model.graph.input.append(helper.make_tensor_value_info("flag", TensorProto.BOOL, []))
    model.graph.output.append(helper.make_tensor_value_info("picked", TensorProto.FLOAT, [4, 3, 3, 3]))
    folded = fold(model)
    assert folded.kept == []
    assert initializers(folded.rounded)["k0"] == initializers(folded.prepared)["k0"]


def test_an_add_with_another_reader_is_no_bias():
    net = Net()
    product = net.node("MatMul", net.input(2, 4, 3), net.normal(3, 5))
    added = net.node("Add", product, net.random.normal(size=5), name="it")
    folded = check(net, [added, net.node("Sigmoid", product)])
    assert folded.kept == ["it"]
