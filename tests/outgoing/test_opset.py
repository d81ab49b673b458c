"""Another opset: the same results, the same interface, or one sentence."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from bnfold.errors import UsageError
from bnfold.graph.tensors import exact_of
from bnfold.outgoing.opset import convert_opset
from bnfold.verification.reference import Reference
from tests.networks import Net, fold


def network(opset: int) -> onnx.ModelProto:
    net = Net(opset=opset, dynamic=True)
    x = net.bn(net.conv(net.input(2, 3, 9, 9), 40))
    return net.model(net.node("Softmax", net.conv(net.node("Sigmoid", x), 50), axis=1))


@pytest.mark.parametrize(("before", "after"), [(9, 7), (9, 13), (17, 21), (17, 24), (17, 17)])
def test_the_converted_model_is_the_same(before: int, after: int) -> None:
    folded = fold(network(before))
    converted = convert_opset(folded.rounded, after)
    assert converted.opset_imports[""] == after
    proto = ir.to_proto(converted)
    onnx.checker.check_model(proto, full_check=True)
    original = ir.to_proto(folded.rounded)
    assert list(proto.graph.input) == list(original.graph.input)
    assert list(proto.graph.output) == list(original.graph.output)
    assert list(proto.metadata_props) == list(original.metadata_props)
    feeds = Net(opset=before).feeds() or {"x": np.random.default_rng(0).normal(size=(2, 3, 9, 9)).astype(np.float32)}
    (truth,), (found,) = (Reference(model).run(feeds).values() for model in (folded.rounded, converted))
    np.testing.assert_allclose(found, truth, rtol=0, atol=1e-14)
    exact = {name for name, value in converted.graph.initializers.items() if exact_of(value)}
    assert exact == {name for name, value in folded.rounded.graph.initializers.items() if exact_of(value)} != set()


@pytest.mark.parametrize(("version", "says"), [(6, "not between 7 and"), (99, "not between"), (13, "No Adapter")])
def test_what_cannot_be_reached_is_refused(version: int, says: str) -> None:
    net = Net(opset=17)
    with pytest.raises(UsageError, match=says):
        convert_opset(ir.from_proto(net.model(net.relu(net.conv(net.input(1, 3, 8, 8), 4)))), version)


def test_operators_of_other_domains_are_refused() -> None:
    net = Net(opset=17)
    model = ir.from_proto(net.model(net.conv(net.input(1, 3, 8, 8), 4)))
    model.graph[0].domain = "com.example"
    with pytest.raises(UsageError, match=r"com\.example"):
        convert_opset(model, 18)
