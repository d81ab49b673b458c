"""Units along another axis than the channels, which most operators mix."""

import numpy as np

from tests.graph.detectors.parts import VALID, detector
from tests.networks import Net


def columns(net: Net, op: str = "Add") -> str:
    """Something of its own in every column."""
    return net.node(op, net.input(2, 4, 4, 4), net.random.uniform(0.5, 2, (4,)))


@detector
def columns_of_their_own(net):
    """A scale per column, which a kernel of several columns mixes."""
    x = net.node("Mul", net.input(2, 3, 4, 4), net.random.uniform(0.5, 2, (4,)))
    return net.conv(x, 4, pads=VALID)


@detector
def columns_shifted(net):
    return net.conv(columns(net), 4, pads=VALID)


@detector
def columns_pooled(net):
    x = net.node("Mul", net.input(2, 3, 4, 4), net.random.uniform(0.5, 2, (4,)))
    return net.conv(net.node("AveragePool", x, kernel_shape=[1, 2]), 4, pads=VALID)


@detector
def shifted_columns_pooled(net):
    return net.conv(net.node("AveragePool", columns(net), kernel_shape=[1, 2]), 4, pads=VALID)


@detector
def averaged_over_scaled_columns(net):
    x = net.node("Mul", net.input(2, 3, 4, 4), net.random.uniform(0.5, 2, (4,)))
    return net.linear(net.node("ReduceMean", x, axes=[2, 3], keepdims=0), 4)


@detector
def averaged_over_shifted_columns(net):
    return net.linear(net.node("ReduceMean", columns(net), axes=[2, 3], keepdims=0), 4)


@detector
def normalized_columns(net):
    return net.node("Sigmoid", net.bn(columns(net, "Mul")))


@detector
def normalized_shifted_columns(net):
    return net.node("Sigmoid", net.bn(columns(net)))


@detector
def rearranged_columns(net):
    return net.conv(net.node("SpaceToDepth", columns(net, "Mul"), blocksize=2), 2, 1)


@detector
def rearranged_shifted_columns(net):
    return net.conv(net.node("SpaceToDepth", columns(net), blocksize=2), 2, 1)


@detector
def contracted_columns(net):
    """Nothing happens to the first column, so a rule that looks at that one alone sees nothing."""
    x = net.node("Mul", net.input(2, 4, 4, 4), np.asarray([1.0, 2.0, 3.0, 4.0]))
    return net.node("Sigmoid", net.node("MatMul", x, net.node("Sigmoid", net.input(2, 4, 4, 4, name="z"))))


@detector
def contracted_shifted_columns(net):
    x = net.node("Add", net.input(2, 4, 4, 4), np.asarray([0.0, 2.0, 3.0, 4.0]))
    return net.node("Sigmoid", net.node("MatMul", x, net.node("Sigmoid", net.input(2, 4, 4, 4, name="z"))))


@detector
def rows_of_their_own(net):
    x = net.node("Mul", net.input(4, 3), net.random.uniform(0.5, 2, (4, 1)))
    return net.linear(x, 4)


@detector
def rows_shifted(net):
    return net.linear(net.node("Add", net.input(4, 3), net.random.uniform(0.5, 2, (4, 1))), 4)


@detector
def tokens_of_their_own(net):
    x = net.node("Mul", net.input(1, 4, 3), net.random.uniform(0.5, 2, (4, 1)))
    return net.node("MatMul", x, net.normal(3, 3))


@detector
def tokens_shifted(net):
    x = net.node("Add", net.input(1, 4, 3), net.random.uniform(0.5, 2, (4, 1)))
    return net.node("Add", net.node("MatMul", x, net.normal(3, 3)), net.random.normal(size=3))
