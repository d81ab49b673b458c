"""Why linear operators stay apart: every reason, in the smallest network that has it."""

import numpy as np
import pytest

from bnfold.merge.plan import SENTENCES, Apart
from tests.merge.merged import Merged, merge
from tests.networks import Net


def strides() -> Merged:
    net = Net()
    x = net.input(1, 4, 4, 1)
    slow = net.conv(x, 4, 1, pads=[0, 0, 3, 0])
    fast = net.conv(x, 4, 1, pads=[0, 0, 10, 0], strides=[2, 1])
    return merge(net, net.node("Add", slow, fast))


def extents() -> Merged:
    net = Net()
    x = net.input(1, 4, 1, 1)
    return merge(net, net.node("Add", net.conv(x, 4, 1), net.conv(x, 4, 1, pads=[1, 1, 1, 1])))


def axes() -> Merged:
    net = Net()
    x = net.input(1, 5, 5)
    return merge(net, net.node("Add", net.conv(x, 5, 3), net.node("MatMul", x, net.normal(5, 5))))


def border() -> Merged:
    net = Net()
    x = net.input(1, 4, 6, 6)
    return merge(net, net.conv(net.conv(x, 4, 3, bias=False, pads=[0, 0, 0, 0]), 1, 3, bias=False))


def bias() -> Merged:
    net = Net()
    return merge(net, net.conv(net.conv(net.input(1, 4, 6, 6), 4, 1), 4, 3))


def readers() -> Merged:
    net = Net()
    x = net.input(1, 4, 6, 6)
    inner = net.conv(x, 4, 1)
    return merge(net, net.node("Add", inner, net.conv(x, 4, 3)), net.relu(inner))


def output() -> Merged:
    net = Net()
    x = net.input(1, 4, 6, 6)
    inner = net.conv(x, 4, 1)
    return merge(net, net.node("Add", inner, net.conv(x, 4, 3)), inner)


def dearer() -> Merged:
    net = Net()
    x = net.input(1, 8, 6, 6)
    return merge(net, net.node("Add", net.conv(x, 8, 1, pads=[0, 0, 0, 0]), net.conv(x, 8, 3, group=8)))


def dearer_in_series() -> Merged:
    net = Net()
    return merge(net, net.conv(net.conv(net.input(1, 8, 6, 6), 8, 3, group=8), 8, 1, pads=[0, 0, 0, 0]))


def more_weights() -> Merged:
    """A pooling has no weights: merged, there are fewer multiply-adds and more weights."""
    net = Net()
    x = net.input(1, 4, 6, 6)
    pool = net.node("AveragePool", x, kernel_shape=[5, 5], strides=[1, 1], pads=[2] * 4, count_include_pad=1)
    return merge(net, net.node("Add", pool, net.conv(x, 4, 3, group=4)))


def withdrawn() -> Merged:
    net = Net()
    x = net.input(1, 4, 6, 6)
    y = net.node("Add", net.conv(x, 4, 3), net.conv(x, 4, 1, pads=[0, 0, 0, 0]))
    return merge(net, y, withdrawn={"conv0": Apart.WITHDRAWN})


@pytest.mark.parametrize(
    ("build", "code"),
    [
        (strides, Apart.STRIDES),
        (extents, Apart.EXTENTS),
        (axes, Apart.AXES),
        (border, Apart.BORDER),
        (bias, Apart.BIAS),
        (readers, Apart.READERS),
        (output, Apart.READERS),
        (dearer, Apart.DEARER),
        (dearer_in_series, Apart.DEARER),
        (more_weights, Apart.DEARER),
        (withdrawn, Apart.WITHDRAWN),
    ],
)
def test_reason(build, code):
    merged = build()
    assert merged.plan.merges == ()
    (miss,) = merged.plan.near_misses
    assert miss.code is code
    assert miss.sentence == SENTENCES[code]
    assert miss.to_json()["code"] == code.value


def test_every_reason_has_a_sentence():
    assert set(SENTENCES) == set(Apart)


def test_pooling_that_does_not_count_its_padding_is_no_linear_map():
    net = Net()
    x = net.input(1, 4, 6, 6)
    pool = net.node("AveragePool", x, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1], count_include_pad=0)
    merged = merge(net, net.node("Add", pool, net.conv(x, 4, 3, group=4)))
    assert merged.plan.merges == ()


def test_residual_branches_with_something_nonlinear_inside_stay():
    net = Net()
    x = net.input(1, 4, 6, 6)
    merged = merge(net, net.node("Add", x, net.conv(net.relu(net.conv(x, 4, 3)), 4, 3)))
    assert merged.plan.merges == ()
    assert merged.plan.near_misses == ()


def test_a_broadcast_sum_is_no_sum_of_maps():
    net = Net()
    x = net.input(1, 4, 6, 6)
    small = net.node("AveragePool", x, kernel_shape=[6, 6], strides=[1, 1])
    merged = merge(net, net.node("Add", x, net.conv(small, 4, 1, pads=[0, 0, 0, 0])))
    assert merged.plan.merges == ()


def test_a_quantized_weight_stays_quantized():
    net = Net()
    x = net.input(1, 4, 6, 6)
    scale = net.constant(np.asarray(0.02))
    integers = net.constant(np.arange(-8, 8, dtype=np.int8).reshape(4, 4, 1, 1))
    weight = net.node("DequantizeLinear", integers, scale, net.constant(np.asarray(0, np.int8)))
    merged = merge(net, net.node("Add", net.node("Conv", x, weight), net.conv(x, 4, 3)))
    assert merged.plan.merges == ()
