"""`--objective eliminate`: no per-channel operator where other operators can do, whatever that costs."""

import numpy as np

from benchmarks.conformance.case import Group
from benchmarks.conformance.graph import Graph

case = Group("for targets without batch normalization", objective="eliminate")


def _stem(g: Graph) -> str:
    return g.op("Relu", g.conv(g.input(2, 4, 5, 7), 4, 6, 3))


@case("Conv, Relu, BN, Relu, Conv: the first Relu as Max")
def eliminate_relu_bn_relu(g: Graph) -> None:
    g.out(g.conv(g.op("Relu", g.bn(_stem(g), 6)), 6, 4, 3))


@case("the same with negative gammas: Min")
def eliminate_negative_gammas(g: Graph) -> None:
    g.out(g.conv(g.op("Relu", g.bn(_stem(g), 6, gamma=-g.positive(6))), 6, 4, 3))


@case("the same with gammas of both signs: a depthwise convolution")
def eliminate_both_signs(g: Graph) -> None:
    g.out(g.conv(g.op("Relu", g.bn(_stem(g), 6, gamma=g.mixed(6))), 6, 4, 3))


@case("Conv, Clip(0, 6), scalar Mul and Add, Sigmoid: a Clip with other bounds")
def eliminate_relu6_scalars(g: Graph) -> None:
    y = g.op("Clip", g.conv(g.input(2, 4, 5, 7), 4, 6, 3), g.const(0.0), g.const(6.0))
    g.out(g.op("Sigmoid", g.op("Add", g.op("Mul", y, g.const(-0.5)), g.const(0.25))))


@case("tokens: MatMul, Clip(0, 1), Mul of both signs, Sigmoid: Max and Min")
def eliminate_clip_of_tokens(g: Graph) -> None:
    y = g.op("Clip", g.matmul(g.input(2, 5, 3), 3, 4), g.const(0.0), g.const(1.0))
    g.out(g.op("Sigmoid", g.scale(y, 4, axis=2, rank=3, values=g.mixed(4))))


@case("(x - 0.5) / 0.25 in front of a padded Conv: a Pad with another number")
def eliminate_normalization_padded(g: Graph) -> None:
    y = g.op("Div", g.op("Sub", g.input(2, 3, 6, 5), g.const(0.5)), g.const(0.25))
    g.out(g.conv(y, 3, 4, 3, pad=1))


@case("BN in front of a padded Conv of many channels to one: a channel of ones")
def eliminate_padded_channel_of_ones(g: Graph) -> None:
    g.out(g.conv(g.bn(g.input(2, 40, 5, 4), 40), 40, 1, 3, pad=1))


@case("BN in front of a padded depthwise Conv")
def eliminate_padded_depthwise(g: Graph) -> None:
    g.out(g.conv(g.bn(_stem(g), 6), 6, 6, 3, pad=1, group=6))


@case("Sigmoid, BN, Sigmoid: nobody takes it up")
def eliminate_between_sigmoids(g: Graph) -> None:
    g.out(g.op("Sigmoid", g.bn(g.op("Sigmoid", g.input(2, 4, 5, 7)), 4)))


@case("the same with a matrix, which is an image of one column meanwhile")
def eliminate_between_sigmoids_of_a_matrix(g: Graph) -> None:
    g.out(g.op("Sigmoid", g.bn(g.op("Sigmoid", g.input(3, 4)), 4)))


@case("the same with one and with three spatial axes")
def eliminate_between_sigmoids_of_other_ranks(g: Graph) -> None:
    for name, shape in (("line", (2, 4, 6)), ("volume", (2, 4, 2, 3, 4))):
        g.out(g.op("Sigmoid", g.bn(g.op("Sigmoid", g.input(*shape, name=name)), 4)))


@case("Mul, Add and BN, none of which can go: one depthwise convolution")
def eliminate_run(g: Graph) -> None:
    y = g.shift(g.scale(g.op("Sigmoid", g.input(2, 4, 5, 7)), 4), 4)
    g.out(g.op("Sigmoid", g.bn(y, 4)))


@case("a dense block: BN and Relu in front of each Conv, outputs concatenated")
def eliminate_dense_block(g: Graph) -> None:
    x, width = g.conv(g.input(2, 3, 6, 6), 3, 4, 3, pad=1), 4
    for _ in range(3):
        y = g.conv(g.op("Relu", g.bn(x, width)), width, 2, 3, pad=1)
        x, width = g.op("Concat", x, y, axis=1), width + 2
    g.out(g.op("Relu", g.bn(x, width)))


@case("a pre-activation stream with gammas of both signs")
def eliminate_stream_of_both_signs(g: Graph) -> None:
    x = g.conv(g.input(2, 3, 6, 6), 3, 4, 3, pad=1)
    for _ in range(3):
        x = g.op("Add", x, g.conv(g.op("Relu", g.bn(x, 4, gamma=g.rng.permutation(g.mixed(4)))), 4, 4, 3, pad=1))
    g.out(x)


@case("LeakyRelu passes no shift in any form: a depthwise convolution")
def eliminate_leaky_relu(g: Graph) -> None:
    y = g.op("LeakyRelu", g.conv(g.input(2, 4, 5, 7), 4, 6, 3), alpha=0.1)
    g.out(g.conv(g.op("Relu", g.bn(y, 6)), 6, 4, 3))


@case("a gamma of 0 behind a Relu", name="eliminate-dead-channel")
def eliminate_dead_channel(g: Graph) -> None:
    g.out(g.op("Sigmoid", g.bn(_stem(g), 6, gamma=np.array([1.0, 0.0, -1.0, 2.0, 0.0, 0.5]))))


@case("a batch normalization in training mode", 1, "it has no fixed constants", opset=15, trains=True)
def eliminate_training_mode(g: Graph) -> None:
    y = g.conv(g.input(2, 3, 5, 5), 3, 4, 3)
    parameters = [g.const(values) for values in (g.positive(4), g.normal(4), g.normal(4), g.positive(4))]
    results = g.op("BatchNormalization", y, *parameters, outputs=3, training_mode=1)
    g.out(results[0], shape=(2, 4, 3, 3))


@case("a scalar Mul between Sigmoids", 1, "every target can multiply by one constant")
def eliminate_scalar(g: Graph) -> None:
    g.out(g.op("Sigmoid", g.op("Mul", g.op("Sigmoid", g.input(2, 4, 5, 7)), g.const(3.0))))


@case("Add of a constant per column between Sigmoids: a depthwise convolution on another view")
def eliminate_other_axis(g: Graph) -> None:
    g.out(g.op("Sigmoid", g.shift(g.op("Sigmoid", g.input(2, 4, 5, 7)), 7, axis=3)))


@case("a BN that a caller may override", 1, "its parameters are inputs of the graph")
def eliminate_overridable(g: Graph) -> None:
    y = g.bn(g.op("Sigmoid", g.input(2, 4, 5, 7)), 4)
    g.overridable(g.weights[0].name)
    g.out(g.op("Sigmoid", y))
