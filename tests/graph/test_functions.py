"""Model-local functions: those with something to fold are inlined and folded, all others stay calls."""

from collections.abc import Sequence

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

import bnfold
from bnfold.graph.functions import inline_functions
from bnfold.graph.prepare import prepare
from tests.gauge.contract import assert_interface, initializers, runtime
from tests.networks import Net, disagreement, fold

OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
node = helper.make_node


def function(name: str, inputs: list[str], outputs: list[str], nodes: Sequence[onnx.NodeProto], **more):
    return helper.make_function("local", name, inputs, outputs, nodes, more.pop("opsets", OPSETS), **more)


def referring(op: str, inputs: list[str], outputs: list[str], attribute: str, to: str) -> onnx.NodeProto:
    """A node of a function whose attribute is one of the function."""
    made = node(op, inputs, outputs)
    made.attribute.add(name=attribute, ref_attr_name=to, type=onnx.AttributeProto.FLOAT)
    return made


SHAPE = (2, 4, 4, 4)
NORMALIZE = function(
    "Normalize", ["a", "g", "b", "m", "v"], ["r"], [node("BatchNormalization", list("agbmv"), ["r"], "bn")]
)
ACTIVATE = function("Activate", ["a"], ["r"], [node("Sigmoid", ["a"], ["s"]), node("Mul", ["a", "s"], ["r"])])


def model(net: Net, calls: Sequence[onnx.NodeProto], functions: Sequence[onnx.FunctionProto], *outputs: str):
    """The network followed by calls; the outputs are floats of SHAPE."""
    for output in outputs:
        net.types.setdefault(output, helper.make_tensor_type_proto(TensorProto.FLOAT, SHAPE))
    made = net.model(*outputs)
    made.graph.node.extend(calls)
    made.functions.extend(functions)
    made.opset_import.append(helper.make_opsetid("local", 1))
    onnx.checker.check_model(made, full_check=True)
    return made


def check(net: Net, proto: onnx.ModelProto):
    folded = fold(proto)
    assert_interface(folded)
    assert disagreement(folded, net.feeds()) <= 1e-10
    after = ir.to_proto(folded.rounded)
    onnx.checker.check_model(after, full_check=True)
    for before, value in zip(runtime(proto, net.feeds()), runtime(after, net.feeds()), strict=True):
        np.testing.assert_allclose(before, value, atol=1e-5)
    return folded


def parameters(net: Net) -> list[str]:
    values = (net.random.uniform(0.5, 2, 4), *net.random.normal(size=(2, 4)), net.random.uniform(0.5, 2, 4))
    return [net.constant(value) for value in values]


def test_a_normalization_in_a_function():
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    call = node("Normalize", [x, *parameters(net)], ["y"], "call", domain="local")
    folded = check(net, model(net, [call], [NORMALIZE], "y"))
    assert folded.kept == []
    assert [each.op_type for each in folded.rounded.graph] == ["Conv"]
    assert not folded.rounded.functions


def test_a_function_called_twice():
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    calls = [
        node("Normalize", [x, *parameters(net)], ["y"], "one", domain="local"),
        node("Normalize", [x, *parameters(net)], ["z"], "two", domain="local"),
    ]
    assert len(check(net, model(net, calls, [NORMALIZE], "y", "z")).plan.removed) == 1


def test_a_function_that_calls_another():
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    nodes = [node("Normalize", list("agbmv"), ["t"], domain="local"), node("Activate", ["t"], ["r"], domain="local")]
    outer = function("Block", list("agbmv"), ["r"], nodes)
    call = node("Block", [x, *parameters(net)], ["y"], "call", domain="local")
    folded = check(net, model(net, [call], [NORMALIZE, ACTIVATE, outer], "y"))
    assert folded.kept == []
    assert [each.op_type for each in folded.rounded.graph] == ["Conv", "Activate"]
    assert [key[1] for key in folded.rounded.functions] == ["Activate"]


def test_a_function_without_anything_to_fold_stays():
    net = Net()
    x = net.bn(net.conv(net.input(2, 3, 4, 4), 4))
    proto = model(net, [node("Activate", [x], ["y"], domain="local")], [ACTIVATE], "y")
    assert [each.op_type for each in check(net, proto).rounded.graph] == ["Conv", "Activate"]


def test_a_constant_of_the_function_itself():
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    nodes = [node("Constant", [], ["c"], value_float=3.0), node("Mul", ["a", "c"], ["r"])]
    proto = model(net, [node("Triple", [x], ["y"], domain="local")], [function("Triple", ["a"], ["r"], nodes)], "y")
    assert [each.op_type for each in check(net, proto).rounded.graph] == ["Conv"]


@pytest.mark.parametrize("given", [{"slope": 0.4}, {}])
@pytest.mark.parametrize("kind", ["attributes", "attribute_protos"])
def test_attributes(given: dict[str, float], kind: str):
    """An attribute is what the call says, else the default of the function, else that of the operator."""
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    nodes = [
        node("BatchNormalization", list("agbmv"), ["t"]),
        referring("LeakyRelu", ["t"], ["r"], "alpha", "slope"),
    ]
    kept = {"attributes": ["slope"], "attribute_protos": [helper.make_attribute("slope", 0.3)]}[kind]
    block = function("Block", list("agbmv"), ["r"], nodes, **{kind: kept})
    call = node("Block", [x, *parameters(net)], ["y"], domain="local", **given)
    proto = model(net, [call], [block], "y")
    read = ir.from_proto(proto)
    assert inline_functions(read) == 1
    expected, value = runtime(proto, net.feeds()), runtime(ir.to_proto(read), net.feeds())
    np.testing.assert_allclose(expected[0], value[0], rtol=1e-6)
    assert fold(proto).kept == []


def test_names_that_occur_in_function_and_graph():
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    sigmoid = net.node("Sigmoid", x, name="t")
    nodes = [node("BatchNormalization", ["x", *"gbmv"], ["t.y"], "conv0"), node("Tanh", ["t.y"], ["k0"], "t")]
    block = function("Block", ["x", *"gbmv"], ["k0"], nodes)
    call = node("Block", [x, *parameters(net)], ["y"], domain="local")
    folded = check(net, model(net, [call], [block], sigmoid, "y"))
    assert len(folded.plan.decisions) == 1


def test_outputs_that_the_call_leaves_out():
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    nodes = [node("Neg", ["a"], ["n"]), node("BatchNormalization", list("agbmv"), ["r"]), node("Abs", ["r"], ["p"])]
    block = function("Block", list("agbmv"), ["n", "r", "p"], nodes)
    call = node("Block", [x, *parameters(net)], ["", "y", "z"], domain="local")
    proto = model(net, [call], [block], "y", "z")
    assert check(net, proto).kept == []
    read = ir.from_proto(proto)
    call = next(each for each in read.graph if each.op_type == "Block")
    call.outputs[2].replace_all_uses_with(call.outputs[1], replace_graph_outputs=True)
    call.resize_outputs(2)
    assert inline_functions(read) == 1


def unchanged(proto: onnx.ModelProto) -> None:
    read = ir.from_proto(proto)
    assert inline_functions(read) == 0
    assert ir.to_proto(read) == ir.to_proto(ir.from_proto(proto))


def test_another_operator_set_stays_a_call():
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    older = function("Normalize", list("agbmv"), ["r"], NORMALIZE.node, opsets=[helper.make_opsetid("", 13)])
    call = node("Normalize", [x, *parameters(net)], ["y"], domain="local")
    proto = net.model(x)
    proto.functions.append(older)
    proto.opset_import.append(helper.make_opsetid("local", 1))
    proto.graph.node.append(call)
    unchanged(proto)


def test_an_input_handed_through_stays_a_call():
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    nodes = [node("BatchNormalization", list("agbmv"), ["r"])]
    through = function("Block", list("agbmv"), ["a", "r"], nodes)
    proto = model(net, [node("Block", [x, *parameters(net)], ["z", "y"], domain="local")], [through], "y")
    unchanged(proto)


def test_functions_in_a_circle_stay_calls():
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    first = function("First", ["a"], ["r"], [node("Second", ["a"], ["r"], domain="local")])
    nodes = [node("First", ["a"], ["t"], domain="local"), node("Conv", ["t", "a"], ["r"])]
    second = function("Second", ["a"], ["r"], nodes)
    proto = net.model(x)
    proto.functions.extend([first, second])
    proto.opset_import.append(helper.make_opsetid("local", 1))
    proto.graph.node.append(node("First", [x], ["y"], domain="local"))
    unchanged(proto)


def test_the_report_says_how_many_calls_were_inlined():
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    call = node("Normalize", [x, *parameters(net)], ["y"], "call", domain="local")
    report = bnfold.fold(model(net, [call], [NORMALIZE], "y")).report
    assert report.description.endswith("calls of local functions inlined: 1")
    assert report.verification.verdict == "equivalent"


def test_a_model_without_functions_is_left_alone():
    net = Net()
    proto = net.model(net.relu(net.input(2, 3)))
    read = ir.from_proto(proto)
    assert prepare(read) == 0
    assert initializers(read) == {}
