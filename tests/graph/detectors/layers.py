"""Linear layers and what they cannot take up; outputs and unknown operators, whose units stay."""

import numpy as np

from tests.graph.detectors.parts import detector, negative, per_channel, plain
from tests.networks import Net


@detector
def conv_bn(net):
    return net.bn(plain(net))


@detector
def padded_conv(net):
    return net.conv(net.bn(net.input(2, 3, 4, 4)), 4)


@detector
def strided_transposed_conv(net):
    return net.node("ConvTranspose", net.bn(net.input(1, 2, 3, 3)), net.normal(2, 3, 2, 2), strides=[2, 2])


def quantized_conv(net: Net, x: str) -> str:
    """A convolution whose weight is int8, with one scale per output channel."""
    integers = net.random.integers(-100, 100, (4, net.channels(x), 1, 1)).astype(np.int8)
    weight = net.node("DequantizeLinear", integers, net.random.uniform(0.01, 0.02, 4), axis=0)
    return net.node("Conv", x, weight)


@detector
def quantized_scaled(net):
    return quantized_conv(net, net.node("Mul", net.input(1, 4, 4, 4), per_channel(net)))


@detector
def quantized_negative(net):
    return negative(net, quantized_conv(net, net.input(1, 4, 4, 4)))


@detector
def output_scaled(net):
    return net.node("Mul", net.input(1, 4, 4, 4), per_channel(net))


@detector
def output_shifted(net):
    return net.node("Add", net.input(1, 4, 4, 4), per_channel(net))


@detector
def opaque_scaled(net):
    return net.node("Sigmoid", net.node("Mul", net.input(1, 4, 4, 4), per_channel(net)))


@detector
def opaque_shifted(net):
    return net.node("Sigmoid", net.node("Add", net.input(1, 4, 4, 4), per_channel(net)))
