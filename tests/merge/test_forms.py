"""Blocks as their papers draw them: each becomes one operator, without anyone saying what it is called."""

import numpy as np
import pytest

from tests.merge.merged import merge
from tests.networks import Net


def branch(net: Net, x: str, kernel: int, **more) -> str:
    return net.bn(net.conv(x, net.channels(x), kernel, bias=False, **more), positive=False)


def repvgg(net: Net, x: str) -> str:
    return net.node("Add", net.node("Add", branch(net, x, 3), branch(net, x, 1)), net.bn(x, positive=False))


def mobileone(net: Net, x: str) -> str:
    depthwise = {"group": net.channels(x)}
    y = net.node("Add", net.bn(x), branch(net, x, 1, **depthwise))
    for _ in range(3):
        y = net.node("Add", y, branch(net, x, 3, **depthwise))
    return y


def repmixer(net: Net, x: str) -> str:
    """FastViT: x + g * (mixer(x) - norm(x))."""
    scale = net.random.uniform(0.1, 1, (net.channels(x), 1, 1))
    return net.node("Add", x, net.node("Mul", scale, net.node("Sub", mobileone(net, x), net.bn(x))))


def repghost(net: Net, x: str) -> str:
    return net.node("Sum", branch(net, x, 3, group=net.channels(x)), net.bn(x, positive=False))


def acnet(net: Net, x: str) -> str:
    c = net.channels(x)
    tall = net.bn(net.node("Conv", x, net.normal(c, c, 3, 1), pads=[1, 0, 1, 0]))
    wide = net.bn(net.node("Conv", x, net.normal(c, c, 1, 3), pads=[0, 1, 0, 1]))
    return net.node("Sum", branch(net, x, 3), tall, wide)


def diverse_branch(net: Net, x: str) -> str:
    """1x1 -> 3x3 and 1x1 -> average pooling, padded in front of the 1x1 so that its bias reaches the border."""
    c, pads = net.channels(x), np.array([0, 0, 1, 1, 0, 0, 1, 1])
    inner = net.bn(net.conv(net.node("Pad", x, pads), c, 1, bias=False))
    square = net.bn(net.conv(inner, c, 3, bias=False, pads=[0, 0, 0, 0]))
    pooled = net.bn(net.conv(net.node("Pad", x, pads), c, 1, bias=False))
    pooled = net.bn(net.node("AveragePool", pooled, kernel_shape=[3, 3], strides=[1, 1]))
    return net.node("Sum", branch(net, x, 3), branch(net, x, 1), square, pooled)


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("block", [repvgg, mobileone, repmixer, repghost, acnet, diverse_branch])
def test_a_block_becomes_one_convolution(block, fold):
    net = Net(seed=3)
    y = block(net, net.relu(net.input(2, 6, 7, 5)))
    merged = merge(net, net.relu(y), fold=fold)
    assert merged.ops == {"Relu": 2, "Conv": 1}
    assert merged.only.output == y or fold  # in other units a tensor has another name


def test_stride_two_and_a_dense_branch_beside_a_grouped_one():
    net = Net(seed=1)
    x = net.input(1, 4, 7, 8)
    dense = net.conv(x, 8, 3, strides=[2, 2])
    grouped = net.conv(x, 8, 1, strides=[2, 2], pads=[0, 0, 0, 0], group=2)
    merged = merge(net, net.node("Add", dense, grouped))
    assert merged.ops == {"Conv": 1}
    assert merged.only.window.groups == 1


def test_groups_are_the_finest_that_hold_both():
    net = Net(seed=1)
    x = net.input(1, 12, 5)
    a, b = net.conv(x, 12, 3, group=6), net.conv(x, 12, 3, group=4)
    wide = net.conv(x, 12, 3, group=2)
    assert merge(net, net.node("Sum", a, b, wide)).only.window.groups == 2


def test_heads_that_are_averaged_become_one_matrix():
    net = Net(seed=2)
    x = net.relu(net.input(3, 5))
    y = net.node("Mul", net.node("Add", net.linear(x, 4), net.linear(x, 4)), 0.5)
    merged = merge(net, y, fold=True)
    assert merged.ops == {"Relu": 1, "Gemm": 1}


@pytest.mark.parametrize("bias", [False, True])
def test_matrices_in_series_over_tokens(bias):
    net = Net(seed=2)
    x = net.input(2, 7, 6)
    y = net.node("MatMul", x, net.normal(6, 8))
    y = net.node("Add", y, net.random.normal(size=8)) if bias else y
    y = net.node("MatMul", y, net.normal(8, 3))
    merged = merge(net, y)
    assert merged.ops == {"MatMul": 1, "Add": 1} if bias else {"MatMul": 1}


def test_a_narrowing_layer_takes_in_the_one_behind_it():
    net = Net(seed=5)
    y = net.conv(net.conv(net.input(1, 3, 6, 6), 8, 3), 2, 1, pads=[0, 0, 0, 0])
    merged = merge(net, y)
    assert merged.only.window.kernel == (3, 3)
    assert merged.only.window.outputs == 2


def test_a_shared_weight_keeps_its_value_for_the_other_reader():
    net = Net(seed=5)
    x, weight = net.input(1, 4, 5, 5), net.constant(net.normal(4, 4, 1, 1))
    y = net.node("Add", net.node("Conv", x, weight), net.conv(x, 4, 3))
    other = net.node("Conv", net.relu(y), weight)
    merged = merge(net, other)
    assert merged.ops == {"Conv": 2, "Relu": 1}


def test_the_larger_saving_wins_where_regions_overlap():
    net = Net(seed=5)
    first = net.conv(net.input(1, 8, 6, 6), 8, 1, pads=[0, 0, 0, 0])
    y = net.node("Add", net.conv(first, 8, 3, bias=False), net.conv(first, 8, 1, bias=False, pads=[0, 0, 0, 0]))
    last = net.conv(y, 2, 1, pads=[0, 0, 0, 0])
    merged = merge(net, last)
    assert sum(len(found.nodes) for found in merged.plan.merges) >= 4
    assert merged.ops["Conv"] == 2


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (1, 4), (4,)])
def test_every_shape_of_a_gemms_constant_is_merged_right(shape):
    net = Net()
    x = net.node("Gemm", net.input(3, 5), net.normal(5, 4), net.random.normal(size=shape), beta=0.5)
    merged = merge(net, net.relu(net.node("Gemm", x, net.normal(4, 2), net.random.normal(size=2))), fold=False)
    assert merged.ops == {"Gemm": 1, "Relu": 1}
