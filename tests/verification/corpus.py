"""Folded models that are a little wrong: what was done to each, and the node that a report must point at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir
from onnx import helper, numpy_helper

from bnfold.verification.reference import Reference
from tests.networks import Net, fold

Change = Callable[[onnx.ModelProto], None]
Misreading = Callable[[onnx.ModelProto, onnx.NodeProto], None]


def network() -> onnx.ModelProto:
    """Every kind of layer whose attributes can be read wrongly, each convolution with its batch normalization."""
    net = Net(seed=5)
    x = net.relu(net.bn(net.conv(net.input(1, 3, 17, 17), 8), name="stem_bn"))
    x = net.node("LeakyRelu", net.bn(net.conv(x, 8, strides=[2, 2], name="strided")), alpha=0.2, name="leaky")
    x = net.relu(net.bn(net.conv(x, 8, group=4, name="grouped")))
    y = net.bn(net.conv(x, 8, pads=[2] * 4, dilations=[2, 2], name="dilated"))
    x = net.relu(net.node("Add", x, y, name="join"))
    x = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1, name="pool")
    x = net.relu(net.bn(net.conv(x, 8, group=8, name="depthwise")))
    pooling = {"kernel_shape": [3, 3], "pads": [1] * 4, "strides": [1, 1]}
    x = net.node("AveragePool", x, name="average", **pooling)
    weight = net.normal(8, 6, 3, 3)
    x = net.node("ConvTranspose", x, weight, np.ones(6), strides=[2, 2], pads=[1] * 4, name="up")
    x = net.node("PRelu", net.bn(x, name="up_bn"), np.full((6, 1, 1), 0.3), name="prelu")
    x = net.node("Clip", net.conv(x, 6, name="before_clip"), 0.0, 1.5, name="clip")
    x = net.node("Pad", x, [0, 0, 1, 1, 0, 0, 1, 1], mode="reflect", name="pad")
    x = net.relu(net.conv(x, 6, pads=[0] * 4, name="last"))
    maps = net.node("Softmax", x, axis=1, name="softmax")
    x = net.node("Flatten", net.node("GlobalAveragePool", x, name="gap"), name="flat")
    made = net.model(maps, net.linear(x, 6, name="fc", transB=0))
    for norm in norms(made).values():
        _set(norm, "epsilon", 1e-5)
    return made


def norms(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    """The batch normalizations by the layer in front of them."""
    writers = {output: node.name for node in model.graph.node for output in node.output}
    return {writers[node.input[0]]: node for node in model.graph.node if node.op_type == "BatchNormalization"}


def deep(scale: float) -> onnx.ModelProto:
    """Thirty convolutions with batch normalizations in residual blocks; the largest output is about `scale`."""
    stream = 100
    net = Net(seed=9)
    x = net.relu(net.bn(net.conv(net.input(1, 3, 12, 12), 8)))
    for _ in range(14):
        y = net.relu(net.bn(net.conv(x, 8)))
        x = net.node("Add", x, net.bn(net.conv(y, 8)))
    return net.model(net.bn(net.conv(x, 8), gamma=np.full(8, scale / stream), beta=np.zeros(8), mean=np.zeros(8)))


@dataclass(frozen=True)
class Tampered:
    """`change` edits a folded model in place; `node` is where."""

    name: str
    node: str
    change: Change


def corpus() -> list[Tampered]:
    """All of them."""
    found = [
        Tampered("dropped Relu", "relu2", lambda m: _drop(m, "relu2")),
        Tampered("dropped Relu behind an addition", "relu12", lambda m: _drop(m, _reader(m, "join"))),
        Tampered("output permuted", "fc", lambda m: _weight(m, "fc", 1, lambda w: w[:, ::-1])),
        Tampered("LeakyRelu alpha", "leaky", lambda m: _attribute(m, "leaky", "alpha", 0.21)),
        Tampered("LeakyRelu became Relu", "leaky", lambda m: _operator(m, "leaky", "Relu")),
        Tampered("PRelu slope", "prelu", lambda m: _weight(m, "prelu", 1, lambda w: w * 1.01)),
        Tampered("Clip maximum", "clip", lambda m: _weight(m, "clip", 2, lambda w: w * 0.9)),
        Tampered("Clip became Relu", "clip", lambda m: _operator(m, "clip", "Relu", inputs=1)),
        Tampered("Softmax axis", "softmax", lambda m: _attribute(m, "softmax", "axis", 2)),
        Tampered("Softmax over the last axis", "softmax", lambda m: _attribute(m, "softmax", "axis", -1)),
        Tampered("Pad mode", "pad", lambda m: _attribute(m, "pad", "mode", "edge")),
        Tampered("Pad of zeros", "pad", lambda m: _attribute(m, "pad", "mode", "constant")),
        Tampered(
            "AveragePool counts its padding", "average", lambda m: _attribute(m, "average", "count_include_pad", 1)
        ),
        Tampered("AveragePool became MaxPool", "average", lambda m: _operator(m, "average", "MaxPool")),
        Tampered("MaxPool became AveragePool", "pool", lambda m: _operator(m, "pool", "AveragePool")),
        Tampered("MaxPool rounds down, padded", "pool", _rounds_down),
        Tampered("Addition became subtraction", "join", lambda m: _operator(m, "join", "Sub")),
        Tampered("pads shifted", "conv0", lambda m: _attribute(m, "conv0", "pads", [0, 0, 2, 2])),
        Tampered("stride-2 phase", "strided", lambda m: _attribute(m, "strided", "pads", [0, 0, 1, 1])),
        Tampered("pads of the last kernel", "dilated", lambda m: _attribute(m, "dilated", "pads", [1, 2, 3, 2])),
        Tampered("dilation", "dilated", _undilated),
        Tampered("groups of the transposed convolution", "up", lambda m: _weight(m, "up", 1, _swap(0))),
        Tampered("transposed convolution's phase", "up", lambda m: _attribute(m, "up", "pads", [0, 0, 2, 2])),
        Tampered("groups transposed", "grouped", lambda m: _weight(m, "grouped", 1, _transposed_groups)),
        Tampered("kernel flipped", "depthwise", lambda m: _weight(m, "depthwise", 1, lambda w: w[..., ::-1, ::-1])),
        Tampered("kernel transposed", "strided", lambda m: _weight(m, "strided", 1, lambda w: w.swapaxes(2, 3))),
        Tampered("fc transposed", "fc", lambda m: _weight(m, "fc", 1, lambda w: w.T)),
        Tampered("fc bias left out", "fc", lambda m: _weight(m, "fc", 2, lambda w: w * 0)),
        Tampered("wrong border only", "dilated", _border_only),
        Tampered("NaN planted", "grouped", lambda m: _weight(m, "grouped", 2, _first(np.nan))),
        Tampered("infinity planted", "up", lambda m: _weight(m, "up", 1, _first(np.inf))),
    ]
    for layer in ("conv0", "strided", "grouped", "dilated", "depthwise", "up"):
        found += [
            Tampered(f"a weight of {layer}", layer, lambda m, n=layer: _weight(m, n, 1, _largest(1.001))),
            Tampered(f"a bias of {layer}", layer, lambda m, n=layer: _weight(m, n, 2, _largest(1.01))),
            Tampered(f"channels of {layer}", layer, lambda m, n=layer: _both(m, n, _swap(0 if n != "up" else 1))),
            Tampered(f"epsilon of {layer} read as 1e-3", layer, lambda m, n=layer: _folded_anew(m, n, _epsilon)),
            Tampered(f"{layer} in training mode folded", layer, lambda m, n=layer: _folded_anew(m, n, _statistics)),
        ]
    return found


def _folded_anew(model: onnx.ModelProto, layer: str, change: Misreading) -> None:
    """A correct fold of the wrong original: a batch normalization was misread before it was folded."""
    original = network()
    change(original, norms(original)[layer])
    misread = ir.to_proto(fold(original).rounded)
    assert misread.SerializeToString() != model.SerializeToString()
    model.CopyFrom(misread)


def _epsilon(_: onnx.ModelProto, norm: onnx.NodeProto) -> None:
    _set(norm, "epsilon", 1e-3)


def _statistics(model: onnx.ModelProto, norm: onnx.NodeProto) -> None:
    """Mean and variance of one batch in the place of the stored ones."""
    feeds = {"x": np.random.default_rng(2).normal(size=(1, 3, 17, 17))}
    seen = Reference(ir.from_proto(model)).run(feeds, {norm.input[0]})[norm.input[0]]
    for name, values in zip(norm.input[3:], (seen.mean((0, 2, 3)), seen.var((0, 2, 3))), strict=True):
        tensor = next(t for t in model.graph.initializer if t.name == name)
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))


def _node(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.name == name)


def _reader(model: onnx.ModelProto, name: str) -> str:
    output = _node(model, name).output[0]
    return next(node.name for node in model.graph.node if output in node.input)


def _weight(model: onnx.ModelProto, name: str, index: int, change: Callable[[np.ndarray], np.ndarray]) -> None:
    wanted = _node(model, name).input[index]
    tensor = next(t for t in model.graph.initializer if t.name == wanted)
    values = numpy_helper.to_array(tensor)
    changed = np.asarray(change(values.copy()), values.dtype, order="C")
    assert changed.shape == values.shape
    assert not np.array_equal(changed, values)
    tensor.CopyFrom(numpy_helper.from_array(changed, wanted))


def _attribute(model: onnx.ModelProto, name: str, attribute: str, value: object) -> None:
    _set(_node(model, name), attribute, value)


def _set(node: onnx.NodeProto, attribute: str, value: object) -> None:
    kept = [a for a in node.attribute if a.name != attribute]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(attribute, value)])


def _operator(model: onnx.ModelProto, name: str, op: str, inputs: int | None = None) -> None:
    node = _node(model, name)
    known = set(onnx.defs.get_schema(op, 17).attributes)
    kept = [a for a in node.attribute if a.name in known]
    del node.attribute[:]
    node.attribute.extend(kept)
    node.op_type = op
    del node.input[inputs if inputs is not None else len(node.input) :]


def _drop(model: onnx.ModelProto, name: str) -> None:
    node = _node(model, name)
    for other in model.graph.node:
        other.input[:] = [node.input[0] if i == node.output[0] else i for i in other.input]
    model.graph.node.remove(node)


def _rounds_down(model: onnx.ModelProto) -> None:
    """The same shape, but every window one cell to the left."""
    _attribute(model, "pool", "ceil_mode", 0)
    _attribute(model, "pool", "pads", [1, 1, 0, 0])


def _undilated(model: onnx.ModelProto) -> None:
    _attribute(model, "dilated", "dilations", [1, 1])
    _attribute(model, "dilated", "pads", [1] * 4)


def _border_only(model: onnx.ModelProto) -> None:
    """A constant that zero padding does not carry: right inside, wrong where the kernel meets the border."""
    node = _node(model, "dilated")
    weight, bias = (next(t for t in model.graph.initializer if t.name == i) for i in node.input[1:3])
    w, b = numpy_helper.to_array(weight), numpy_helper.to_array(bias)
    shift = np.full((1, w.shape[1], 1, 1), 0.01, w.dtype)
    model.graph.initializer.append(numpy_helper.from_array(shift, "shift"))
    bias.CopyFrom(numpy_helper.from_array((b - w.sum((2, 3)) @ shift.ravel()).astype(b.dtype), bias.name))
    model.graph.node.insert(
        list(model.graph.node).index(node), helper.make_node("Add", [node.input[0], "shift"], ["shifted"], "shifting")
    )
    node.input[0] = "shifted"


def _both(model: onnx.ModelProto, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    _weight(model, name, 1, change)
    _weight(model, name, 2, _swap(0))


def _swap(axis: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda w: np.take(w, [1, 0, *range(2, w.shape[axis])], axis)


def _transposed_groups(w: np.ndarray) -> np.ndarray:
    return w.reshape(4, 2, *w.shape[1:]).swapaxes(0, 1).reshape(w.shape)


def _largest(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(w: np.ndarray) -> np.ndarray:
        w.flat[np.argmax(np.abs(w))] *= factor
        return w

    return change


def _first(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(w: np.ndarray) -> np.ndarray:
        w.flat[0] = value
        return w

    return change
