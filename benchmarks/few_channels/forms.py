"""The contestants: one pre-activation step Conv -> x -> BN -> Relu -> Conv, in which k channels of the BN refuse.

Channels 0 .. k-1 have a negative scale, which the Relu does not pass; in all others the BN folds into the convolution
in front. The value x of the stream is also read by the addition behind, so x is in everybody's sight, as in a network.
All forms compute the same; they differ in what is left between x and the Relu.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[np.float64]
EPSILON = 1e-5


@dataclass(frozen=True)
class Size:
    """Channels of the stream, height and width, extent of both kernels, and how many channels refuse."""

    channels: int
    extent: int
    kernel: int
    refused: int


@dataclass(frozen=True)
class Step:
    """Weights of one step in float64: y = x + conv2(relu(a * x + b)), x = conv1(input).

    The folded channels have positive a and use the units S = 1 / a, T = -b / a; the refused ones keep theirs.
    """

    size: Size
    a: Array
    b: Array
    first: Array
    second: Array

    @classmethod
    def random(cls, size: Size) -> Step:
        rng = np.random.default_rng(size.channels)
        c = size.channels
        a = rng.uniform(0.5, 1.5, c)
        a[: size.refused] *= -1
        kernel = (size.kernel, size.kernel)
        weights = rng.normal(0, np.sqrt(2 / (size.kernel**2 * c)), (2, c, c, *kernel))
        return cls(size, a, rng.uniform(-0.5, 0.5, c), weights[0], weights[1])

    @property
    def kept(self) -> slice:
        return slice(0, self.size.refused)

    def units(self) -> tuple[Array, Array]:
        """Gain and offset of the stored stream: a x + b where the BN folds, x where it refuses."""
        gain, offset = self.a.copy(), self.b.copy()
        gain[self.kept], offset[self.kept] = 1, 0
        return gain, offset


@dataclass
class Graph:
    """A little ONNX model in the making."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def constant(self, value: Array, dtype: type = np.float32) -> str:
        name = f"c{len(self.weights)}"
        self.weights[name] = numpy_helper.from_array(np.ascontiguousarray(value, dtype), name)
        return name

    def call(self, op: str, *inputs: str, outputs: int = 1, **attributes: object) -> list[str]:
        made = [f"{op.lower()}{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), made, **attributes))
        return made

    def conv(self, x: str, weight: Array, bias: Array, group: int = 1) -> str:
        pad = weight.shape[2] // 2
        (y,) = self.call("Conv", x, self.constant(weight), self.constant(bias), pads=[pad] * 4, group=group)
        return y

    def norm(self, x: str, a: Array, b: Array) -> str:
        ones = np.ones(len(a))
        parts = (a * np.sqrt(1 + EPSILON), b, 0 * ones, ones)
        (y,) = self.call("BatchNormalization", x, *map(self.constant, parts), epsilon=EPSILON)
        return y

    def model(self, y: str, channels: int, size: Size) -> onnx.ModelProto:
        given = [1, size.channels, size.extent, size.extent]
        graph = helper.make_graph(
            self.nodes,
            "step",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, given)],
            [helper.make_tensor_value_info(y, TensorProto.FLOAT, [1, channels, size.extent, size.extent])],
            list(self.weights.values()),
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@dataclass(frozen=True)
class Form:
    """A model of the step; its first channels are gain * y + offset, what it has beyond them is its own affair."""

    model: onnx.ModelProto
    gain: Array
    offset: Array


def _column(values: Array) -> Array:
    return values[:, None, None, None]


def _step(step: Step, gain: Array, offset: Array, between: Callable[[Graph, str], str]) -> Form:
    """Both convolutions write the stream in the given units; `between` leads from the stream to the Relu.

    The output stays in these units, as it would where the stream goes on: a last scale and shift would be a cost that
    no network has.
    """
    graph = Graph()
    x = graph.conv("input", step.first * _column(gain), offset)
    (r,) = graph.call("Relu", between(graph, x))
    behind = graph.conv(r, step.second * _column(gain), np.zeros(step.size.channels))
    (y,) = graph.call("Add", x, behind)
    return Form(graph.model(y, step.size.channels, step.size), gain, offset)


def _folded(step: Step, between: Callable[[Graph, str], str]) -> Form:
    """The stream in new units where the BN folds; `between` does what is left of it."""
    return _step(step, *step.units(), between)


def keep(step: Step) -> Form:
    """The BN as it is."""
    ones = np.ones(step.size.channels)
    return _step(step, ones, 0 * ones, lambda graph, x: graph.norm(x, step.a, step.b))


def _rest(step: Step) -> tuple[Array, Array]:
    a, b = np.ones(step.size.channels), np.zeros(step.size.channels)
    a[step.kept], b[step.kept] = step.a[step.kept], step.b[step.kept]
    return a, b


def norm_of_rest(step: Step) -> Form:
    """A BN over all channels that does nothing but in the refused ones."""
    return _folded(step, lambda graph, x: graph.norm(x, *_rest(step)))


def mul_add(step: Step) -> Form:
    """A per-channel Mul and Add over all channels."""
    a, b = (part[:, None, None] for part in _rest(step))

    def between(graph: Graph, x: str) -> str:
        (scaled,) = graph.call("Mul", x, graph.constant(a))
        return graph.call("Add", scaled, graph.constant(b))[0]

    return _folded(step, between)


def depthwise(step: Step) -> Form:
    """A depthwise 1x1 convolution over all channels."""
    a, b = _rest(step)
    weight = a[:, None, None, None]
    return _folded(step, lambda graph, x: graph.conv(x, weight, b, group=step.size.channels))


def sliced(step: Step) -> Form:
    """Split the refused channels off, a BN on them, and put all together again."""
    k, c = step.size.refused, step.size.channels

    def between(graph: Graph, x: str) -> str:
        few, many = graph.call("Split", x, graph.constant(np.array([k, c - k]), np.int64), outputs=2, axis=1)
        return graph.call("Concat", graph.norm(few, step.a[:k], step.b[:k]), many, axis=1)[0]

    return _folded(step, between)


def mirrored(step: Step) -> Form:
    """The refused channels twice in the stream: as they are, and in the units that the Relu wants.

    The convolutions that write the stream make k channels more, and the one that reads it gets weight 0 for the old
    ones, so that nothing is left between the stream and the Relu. The addition carries k channels more as well.
    """
    k, (gain, offset) = step.size.refused, step.units()
    graph = Graph()
    rows = np.concatenate([step.first * _column(gain), step.first[:k] * _column(step.a[:k])])
    x = graph.conv("input", rows, np.concatenate([offset, step.b[:k]]))
    (r,) = graph.call("Relu", x)
    columns = np.concatenate([step.second, step.second[:, :k]], axis=1)
    columns[:, :k] = 0
    again = np.concatenate([_column(gain) * columns, _column(step.a[:k]) * columns[:k]])
    channels = step.size.channels + k
    (y,) = graph.call("Add", x, graph.conv(r, again, np.zeros(channels)))
    return Form(graph.model(y, channels, step.size), gain, offset)


def _negated_units(step: Step) -> tuple[Array, Array]:
    """The units in which the refused channels are stored as -(a x + b), which has a positive scale."""
    gain, offset = step.a.copy(), step.b.copy()
    gain[step.kept] *= -1
    offset[step.kept] *= -1
    return gain, offset


def negated(step: Step) -> Form:
    """relu(-z) = relu(z) - z: the second term is a convolution of its own over the refused channels."""
    k, (gain, offset) = step.size.refused, _negated_units(step)
    graph, zero = Graph(), np.zeros(step.size.channels)
    x = graph.conv("input", step.first * _column(gain), offset)
    (r,) = graph.call("Relu", x)
    rows = step.second * _column(gain)
    ends = [graph.constant(np.array([value]), np.int64) for value in (0, k, 1)]
    (few,) = graph.call("Slice", x, *ends)
    (both,) = graph.call("Add", graph.conv(r, rows, zero), graph.conv(few, -rows[:, :k], zero))
    (y,) = graph.call("Add", x, both)
    return Form(graph.model(y, step.size.channels, step.size), gain, offset)


def clamped(step: Step) -> Form:
    """Max and Min with a bound per channel instead of the Relu.

    min(max(z, low), high) is relu(z) with bounds 0 and infinity. With bounds -infinity and 0 it is min(z, 0), which is
    -relu(-z): the refused channels are stored as z = -(a x + b), and the next convolution takes up the sign.
    """
    k = step.size.refused
    gain, offset = _negated_units(step)
    graph = Graph()
    x = graph.conv("input", step.first * _column(gain), offset)
    low, high = np.zeros((2, step.size.channels, 1, 1))
    high[k:], low[:k] = np.finfo(np.float32).max, np.finfo(np.float32).min
    (lower,) = graph.call("Max", x, graph.constant(low))
    (both,) = graph.call("Min", lower, graph.constant(high))
    columns = step.second * _column(gain)
    columns[:, :k] *= -1
    (y,) = graph.call("Add", x, graph.conv(both, columns, np.zeros(step.size.channels)))
    return Form(graph.model(y, step.size.channels, step.size), gain, offset)


FORMS: Mapping[str, Callable[[Step], Form]] = {
    "keep": keep,
    "BN of the rest": norm_of_rest,
    "Mul, Add": mul_add,
    "depthwise": depthwise,
    "Split, BN, Concat": sliced,
    "mirrored": mirrored,
    "side convolution": negated,
    "Max, Min": clamped,
}
