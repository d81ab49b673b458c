"""What the cleaned layout of a network must satisfy whatever the network is."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir

from bnfold.graph.prepare import prepare
from bnfold.layout.clean import clean_layout
from bnfold.layout.view import View
from bnfold.verification.reference import Reference
from tests.gauge.contract import runtime
from tests.networks import Net


@dataclass
class Cleaned:
    ops: Counter[str]
    views: dict[str, View]
    model: ir.Model


def cleaned(net: Net, *outputs: str) -> Cleaned:
    """Clean, and assert that names and numbers of outputs stay and that views are true."""
    proto = net.model(*outputs)
    model = ir.from_proto(onnx.ModelProto.FromString(proto.SerializeToString()))
    prepare(model)
    needed = {value.name for node in model.graph for value in node.outputs}
    views = dict(clean_layout(model))
    after = ir.to_proto(model)
    onnx.checker.check_model(after, full_check=True)
    assert [value.name for value in after.graph.output] == list(outputs)
    assert list(proto.graph.input) == list(after.graph.input)
    feeds = net.feeds()
    before = Reference(ir.from_proto(proto)).run(feeds)
    for name, result in Reference(model).run(feeds).items():
        np.testing.assert_allclose(result, before[name], rtol=0, atol=1e-12 * np.abs(before[name]).max())
    for a, b in zip(runtime(proto, feeds), runtime(after, feeds), strict=True):
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-5 * max(1.0, np.abs(a).max()))
    follow(net, proto, model, needed, views)
    return Cleaned(Counter(node.op_type for node in model.graph), views, model)


def follow(net: Net, proto: onnx.ModelProto, model: ir.Model, needed: set[str], views: dict[str, View]) -> None:
    """Every tensor that is gone is where its view says."""
    names = {value.name for node in model.graph for value in node.outputs} | set(net.inputs)
    gone = needed - names
    assert gone <= views.keys()
    assert {view.tensor for name, view in views.items() if name in gone} <= names
    both = ir.to_proto(model)
    for name in gone:
        for graph, tensor in ((proto.graph, name), (both.graph, views[name].tensor)):
            if tensor not in [value.name for value in graph.output]:
                graph.output.append(onnx.helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, None))
    feeds = net.feeds()
    before, after = (Reference(ir.from_proto(each)).run(feeds) for each in (proto, both))
    for name in gone:
        found = after[views[name].tensor]
        found = found if views[name].perm is None else found.transpose(views[name].perm)
        np.testing.assert_allclose(found, before[name], rtol=0, atol=1e-12 * np.abs(before[name]).max())
