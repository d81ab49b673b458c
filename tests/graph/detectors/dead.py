"""Channels that are a constant: emptied in front of the operator, or read as one behind it."""

import numpy as np

from tests.graph.detectors.parts import VALID, detector, plain
from tests.networks import Net


def dead(net: Net, x: str) -> str:
    """A batch normalization of which the first channel is a constant."""
    return net.bn(x, gamma=np.asarray([0.0, *[1.5] * (net.channels(x) - 1)]))


@detector
def emptied(net):
    """The filter of the dead channel becomes the constant."""
    return net.node("Sigmoid", dead(net, plain(net)))


@detector
def dead_and_read(net):
    x = plain(net)
    return net.node("Concat", net.node("Sigmoid", dead(net, x)), net.node("Sigmoid", x), axis=1)


@detector
def blank(net):
    """The constant goes into the bias of the next layer."""
    return net.conv(dead(net, net.node("Sigmoid", net.input(1, 4, 4, 4))), 2, pads=VALID)


@detector
def blank_and_read(net):
    x = dead(net, net.node("Sigmoid", net.input(1, 4, 4, 4)))
    y = net.node("Add", net.conv(x, 4, pads=VALID, kernel=1), net.node("Relu", x))
    return net.node("Sigmoid", y)


@detector
def blank_pooled(net):
    x = dead(net, net.node("Sigmoid", net.input(1, 4, 4, 4)))
    return net.conv(net.node("AveragePool", x, kernel_shape=[2, 2]), 2, pads=VALID)


@detector
def blank_in_padding(net):
    x = net.node("Sigmoid", net.input(1, 4, 4, 4))
    return net.conv(net.bn(x, gamma=np.asarray([0.0, 1, 1, 1]), mean=np.zeros(4), beta=np.asarray([0.5, 0, 0, 0])), 2)
