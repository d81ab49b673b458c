"""Attributes that are left out have the defaults of ONNX: a network folds whole with the default, and only with it."""

import numpy as np

from tests.gauge.contract import check
from tests.networks import Folded, Net

VALID = [0, 0, 0, 0]


def whole(net: Net, y: str) -> Folded:
    """The fold, which must be exact and leave nothing."""
    folded = check(net, [y])
    assert folded.kept == []
    return folded


def test_a_transpose_reverses_the_axes():
    """The channels land where the matrix on the left contracts; in their old place they would be stacked."""
    net = Net()
    x = net.node("Mul", net.input(2, 4, 3, 3), net.random.uniform(1.5, 3, (4, 1, 1)))
    whole(net, net.node("MatMul", net.normal(3, 4), net.node("Transpose", x)))


def test_a_split_is_along_the_batch():
    net = Net()
    first, second = net.node("Split", net.bn(net.input(4, 4, 3, 3)), [1, 3], outputs=2)
    whole(net, net.node("Concat", net.conv(first, 2, pads=VALID), net.conv(second, 2, pads=VALID), axis=0))


def test_a_gather_is_along_the_batch():
    net = Net()
    whole(net, net.conv(net.node("Gather", net.bn(net.input(4, 4, 3, 3)), [2, 0]), 2, pads=VALID))


def test_depth_to_space_interleaves_channels_that_lie_apart():
    net = Net()
    scales = np.tile([1.5, 2.5], 4).reshape(8, 1, 1)
    x = net.node("DepthToSpace", net.node("Mul", net.input(1, 8, 3, 3), scales), blocksize=2)
    whole(net, net.conv(x, 2, pads=VALID))


def test_a_pad_is_of_zeros():
    net = Net()
    x = net.node("Mul", net.input(1, 4, 3, 3), net.random.uniform(1.5, 3, (4, 1, 1)))
    whole(net, net.conv(net.node("Pad", x, [0, 0, 1, 1, 0, 0, 1, 1]), 2, pads=VALID))


def test_a_reduction_keeps_its_axes():
    net = Net()
    x = net.node("ReduceMean", net.bn(net.input(1, 4, 3, 3)), axes=[2, 3])
    whole(net, net.conv(x, 2, kernel=1, pads=VALID))


def test_a_gemm_contracts_the_axis_that_it_says():
    """A dead row goes into the bias where rows are contracted."""
    net = Net()
    x = net.node("Mul", net.input(4, 3), np.array([[0.0], [1.5], [2.0], [3.0]]))
    whole(net, net.node("Gemm", x, net.normal(4, 5), net.random.normal(size=5), transA=1))
