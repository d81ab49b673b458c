"""Rewritten weights against the textbook formulas in 50 digits: rounded once, each is within half an ulp."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from tests.gauge.contract import check
from tests.networks import Folded, Net

mpmath.mp.dps = 50
LIMIT = 0.51  # float64 noise on top of one rounding
EPSILON = mpmath.mpf(float(np.float32(1e-3)))


def exact(array: np.ndarray) -> np.ndarray:
    return np.vectorize(lambda value: mpmath.mpf(float(value)), otypes=[object])(array)


def normalization(net: Net, bn: str) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift of a BatchNormalization from its stored parameters."""
    node = next(node for node in net.nodes if node.name == bn)
    gamma, beta, mean, variance = (exact(net.constants[name]) for name in node.input[1:])
    root = np.vectorize(lambda v: mpmath.sqrt(v + EPSILON), otypes=[object])(variance)
    return gamma / root, beta - gamma * mean / root


def stored(net: Net, conv: str) -> tuple[np.ndarray, np.ndarray]:
    node = next(node for node in net.nodes if node.name == conv)
    weight = exact(net.constants[node.input[1]])
    bias = exact(net.constants[node.input[2]]) if len(node.input) > 2 else exact(np.zeros(len(weight)))
    return weight, bias


def rewritten(folded: Folded, conv: str) -> list[np.ndarray]:
    node = next(node for node in folded.rounded.graph if node.name == conv)
    return [value.const_value.numpy() for value in node.inputs[1:]]


def assert_rounded_once(result: np.ndarray, truth: np.ndarray) -> None:
    assert result.shape == truth.shape
    for value, expected in zip(result.reshape(-1), truth.reshape(-1), strict=True):
        ulp = mpmath.mpf(float(np.spacing(np.abs(value))))
        assert abs(mpmath.mpf(float(value)) - expected) <= LIMIT * ulp


def per_filter(scale: np.ndarray) -> np.ndarray:
    return scale.reshape(-1, 1, 1, 1)


@pytest.fixture(params=[np.float32, np.float16])
def net(request) -> Net:
    return Net(seed=3, dtype=request.param)


@pytest.mark.parametrize("bias", [True, False])
def test_conv_bn(net, bias):
    y = net.bn(net.conv(net.input(1, 16, 4, 4), 32, bias=bias), positive=False, name="bn")
    folded = check(net, [y])
    a, b = normalization(net, "bn")
    weight, c = stored(net, "conv0")
    new_weight, new_bias = rewritten(folded, "conv0")
    assert_rounded_once(new_weight, per_filter(a) * weight)
    assert_rounded_once(new_bias, a * c + b)


def test_bn_conv(net):
    y = net.conv(net.bn(net.input(1, 16, 4, 4), name="bn"), 8, pads=[0] * 4)
    folded = check(net, [y])
    a, b = normalization(net, "bn")
    weight, c = stored(net, "conv1")
    new_weight, new_bias = rewritten(folded, "conv1")
    assert_rounded_once(new_weight, weight * a.reshape(1, -1, 1, 1))
    assert_rounded_once(new_bias, c + (weight * b.reshape(1, -1, 1, 1)).sum((1, 2, 3)))


def test_preactivation_block(net):
    """x1 = conv0; x2 = x1 + conv4(relu(bn(x1))); y = bn(x2): the stream takes the scale of its first reader.

    With gains g1 = a1 and offsets b1 on x1 for the first BN, and a2, b2 on x2 for the last one, the sum only holds
    if a1 = a2; so both normalizations share their scale, and conv4 takes a * W and a * c + b2 - b1.
    """
    c = 8
    x1 = net.conv(net.input(1, 3, 4, 4), c)
    shared = {"gamma": net.random.uniform(0.5, 1.5, c), "variance": net.random.uniform(0.5, 2, c)}
    inner = net.conv(net.relu(net.bn(x1, name="bn1", **shared)), c)
    y = net.relu(net.bn(net.node("Add", x1, inner), name="bn2", **shared))
    folded = check(net, [y])
    assert folded.kept == []
    (a, b1), (_, b2) = normalization(net, "bn1"), normalization(net, "bn2")
    for name, change in (("conv0", b1), ("conv3", b2 - b1)):
        weight, bias = stored(net, name)
        new_weight, new_bias = rewritten(folded, name)
        assert_rounded_once(new_weight, per_filter(a) * weight)
        assert_rounded_once(new_bias, a * bias + change)


def test_chain_of_constants(net):
    """((x - m) / s) * g + h behind a convolution is one map, rounded once."""
    x = net.conv(net.input(1, 4, 4, 4), 8)
    m, s, g, h = (net.constant(net.random.uniform(0.5, 2, (8, 1, 1)), name) for name in "msgh")
    y = net.node("Add", net.node("Mul", net.node("Div", net.node("Sub", x, m), s), g), h)
    folded = check(net, [y])
    m, s, g, h = (exact(net.constants[name]).reshape(-1) for name in "msgh")
    weight, c = stored(net, "conv0")
    new_weight, new_bias = rewritten(folded, "conv0")
    assert_rounded_once(new_weight, per_filter(g / s) * weight)
    assert_rounded_once(new_bias, (c - m) / s * g + h)
