"""Affine operators that stay, and what they let pass."""

import numpy as np

from tests.graph.detectors.parts import VALID, detector, per_channel, plain
from tests.networks import Net


def scaled_stream(net: Net, x: str, scale) -> str:
    """A stream with two terms in units of their own, so that a scale before it stays and a shift goes through."""
    total = net.node("Add", scale(x), net.node("Sigmoid", net.input(1, 4, 4, 4, name="z")))
    return net.conv(total, 2, pads=VALID)


@detector
def kept_mul_passes_a_shift(net):
    x = net.node("Add", net.node("Sigmoid", net.input(1, 4, 4, 4)), per_channel(net))
    return scaled_stream(net, x, lambda y: net.node("Mul", y, per_channel(net)))


@detector
def kept_div_passes_a_shift(net):
    x = net.node("Add", net.node("Sigmoid", net.input(1, 4, 4, 4)), per_channel(net))
    return scaled_stream(net, x, lambda y: net.node("Div", y, per_channel(net)))


def shifted_in_padding(net: Net, shift) -> str:
    """The shift stays because of the padding, and the scale before it goes through."""
    x = net.node("Mul", net.node("Sigmoid", net.input(1, 4, 4, 4)), per_channel(net))
    return net.conv(shift(x), 2)


@detector
def kept_add_passes_a_scale(net):
    return shifted_in_padding(net, lambda x: net.node("Add", x, per_channel(net)))


@detector
def kept_sub_passes_a_scale(net):
    return shifted_in_padding(net, lambda x: net.node("Sub", x, per_channel(net)))


@detector
def flipped_beside_mirrored(net):
    """Beside the normalization the subtraction has nowhere to go, and a Relu forbids to flip it."""
    x = plain(net)
    flipped = net.node("Sigmoid", net.bn(x, gamma=-np.ones(net.channels(x))))
    mirrored = net.relu(net.node("Sub", per_channel(net), x))
    return net.node("Concat", flipped, net.conv(mirrored, 4, pads=VALID, kernel=1), axis=1)
