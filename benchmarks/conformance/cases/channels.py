"""Single channels that are dead, tiny or negative."""

import numpy as np

from benchmarks.conformance.case import Group
from benchmarks.conformance.graph import Array, Graph

case = Group("dead and tiny channels")


def _gamma(g: Graph, *values: float) -> Array:
    gamma = g.positive(6)
    gamma[1 : 1 + len(values)] = values
    return gamma


def _stem(g: Graph) -> str:
    return g.conv(g.input(2, 4, 5, 7), 4, 6, 3)


@case("Conv, BN with a dead channel")
def dead(g: Graph) -> None:
    g.out(g.bn(_stem(g), 6, gamma=_gamma(g, 0.0)))


@case("Conv, BN with dead channels, Relu, padded Conv")
def dead_relu_conv(g: Graph) -> None:
    y = g.op("Relu", g.bn(_stem(g), 6, gamma=_gamma(g, 0.0, -0.0)))
    g.out(g.conv(y, 6, 4, 3, pad=1))


@case("Conv, BN whose channels are all dead")
def dead_all(g: Graph) -> None:
    g.out(g.bn(_stem(g), 6, gamma=np.zeros(6)))


@case("Conv, BN with a dead channel; the Conv is an output too", 1, "both are fixed")
def dead_shared(g: Graph) -> None:
    y = _stem(g)
    g.out(y, g.bn(y, 6, gamma=_gamma(g, 0.0)))


@case("Conv, Relu, BN with a dead channel as output", 1, "nothing in front can write its constant")
def dead_behind_relu(g: Graph) -> None:
    gamma = _gamma(g, 0.0)
    g.out(g.bn(g.op("Relu", _stem(g)), 6, gamma=gamma))


@case("Conv, Relu, BN with a dead channel, Conv without padding: its weights there become 0")
def dead_behind_relu_conv(g: Graph) -> None:
    g.out(g.conv(g.bn(g.op("Relu", _stem(g)), 6, gamma=_gamma(g, 0.0)), 6, 4, 3))


@case("Mul with a zero in front of a padded Conv: its weights there become 0")
def dead_mul_conv(g: Graph) -> None:
    y = g.scale(g.input(2, 6, 5, 7), 6, values=_gamma(g, 0.0))
    g.out(g.conv(y, 6, 4, 3, pad=1))


@case("Conv, BN with a variance that is infinite: a dead channel")
def dead_infinite_variance(g: Graph) -> None:
    variance = g.positive(6)
    variance[2] = np.inf
    values = [g.positive(6), g.normal(6), g.normal(6), variance]
    g.out(g.op("BatchNormalization", _stem(g), *map(g.const, values)))


@case("Conv, BN with gammas of 1e-30 and 1e-20")
def tiny(g: Graph) -> None:
    g.out(g.bn(_stem(g), 6, gamma=_gamma(g, 1e-30, -1e-20)))


@case("Conv, BN with tiny gammas, Relu, padded Conv, BN")
def tiny_relu_conv(g: Graph) -> None:
    y = g.op("Relu", g.bn(_stem(g), 6, gamma=_gamma(g, 1e-30, 1e-12)))
    g.out(g.bn(g.conv(y, 6, 4, 3, pad=1), 4))


@case("Conv, Relu, BN with tiny gammas, Conv without padding")
def tiny_behind_relu_conv(g: Graph) -> None:
    g.out(g.conv(g.bn(g.op("Relu", _stem(g)), 6, gamma=_gamma(g, 1e-30, 1e-12)), 6, 4, 3))


@case("a stream read by another Conv and by a BN with a gamma of 1e-6", 1, "its shift would cost 20 bits of the stream")
def tiny_stream(g: Graph) -> None:
    x = g.conv(g.input(2, 4, 5, 7), 4, 6, 3)
    y = g.conv(g.op("Relu", g.bn(x, 6, gamma=_gamma(g, 1e-6))), 6, 6, 3, pad=1)
    g.out(g.op("Add", g.conv(x, 6, 6), y))


@case("Conv, BN whose channels differ by 1e12 in scale, Relu, Conv")
def wide_range(g: Graph) -> None:
    y = g.op("Relu", g.bn(_stem(g), 6, gamma=10.0 ** np.array([-6, -3, 0, 3, 6, 0])))
    g.out(g.conv(y, 6, 4))


@case("Conv, MaxPool, BN with one negative gamma", 1, "a maximum passes no negative scale")
def one_negative(g: Graph) -> None:
    y = g.op("MaxPool", _stem(g), kernel_shape=[2, 2])
    g.out(g.bn(y, 6, gamma=_gamma(g, -0.8)))


@case("Conv, MaxPool, BN with one negative gamma, Conv without padding")
def one_negative_conv(g: Graph) -> None:
    y = g.op("MaxPool", _stem(g), kernel_shape=[2, 2])
    g.out(g.conv(g.bn(y, 6, gamma=_gamma(g, -0.8)), 6, 4))
