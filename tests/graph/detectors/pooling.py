"""Maxima want a positive scale, counted padding no shift, and a sum multiplies a shift."""

import numpy as np

from tests.graph.detectors.parts import VALID, detector, negative, per_channel, plain


@detector
def max_pool(net):
    return negative(net, net.node("MaxPool", plain(net), kernel_shape=[2, 2]))


@detector
def global_max_pool(net):
    return negative(net, net.node("GlobalMaxPool", plain(net)))


@detector
def counted_padding(net):
    pooled = net.node("AveragePool", plain(net), kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=1)
    return net.bn(pooled)


@detector
def reduce_max(net):
    return negative(net, net.node("ReduceMax", plain(net), axes=[2], keepdims=1))


@detector
def reduce_min(net):
    return negative(net, net.node("ReduceMin", plain(net), axes=[2, 3]))


@detector
def sum_scaled(net):
    return net.node("Mul", net.node("ReduceSum", plain(net), np.asarray([2, 3])), per_channel(net))


@detector
def summed(net):
    x = net.node("Add", net.input(2, 3, 4, 4), net.random.normal(size=(3, 1, 1)))
    return net.linear(net.node("ReduceSum", x, [2, 3], keepdims=0), 4)


@detector
def summed_over_the_batch(net):
    net.dynamic = True
    x = net.node("Add", net.input(2, 4, 4, 4), per_channel(net))
    return net.conv(net.node("ReduceSum", x, [0]), 4, pads=VALID)
