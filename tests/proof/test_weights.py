"""The distance of stored weights from their exact values, against arithmetic with 60 digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from onnx import numpy_helper

from tests.networks import Net
from tests.proof.folds import Fold


def conv_bn() -> Fold:
    net = Net(seed=2)
    return Fold.of(net.model(net.bn(net.conv(net.input(1, 3, 5, 5), 4, name="conv"), name="bn")))


def test_the_distance_is_what_mpmath_finds() -> None:
    fold = conv_bn()
    old = {tensor.name: numpy_helper.to_array(tensor) for tensor in fold.original.graph.initializer}
    conv, norm = fold.original.graph.node
    gamma, _, _, variance = (old[name] for name in norm.input[1:])
    weight, stored = old[conv.input[1]], fold.constant("conv", 1)
    epsilon = norm.attribute[0].f
    worst = mpmath.mpf(0)
    with mpmath.workdps(60):
        for index in np.ndindex(stored.shape):
            channel = index[0]
            scale = mpmath.mpf(float(gamma[channel])) / mpmath.sqrt(mpmath.mpf(float(variance[channel])) + epsilon)
            gap = abs(scale * mpmath.mpf(float(weight[index])) - mpmath.mpf(float(stored[index])))
            worst = max(worst, gap / mpmath.mpf(float(np.spacing(abs(stored[index])))))
    measured = fold.proof().measured
    assert measured.rewritten == measured.sampled == stored.size
    assert measured.worst[1] == pytest.approx(float(worst), abs=1e-6)
    assert 0.3 < measured.worst[1] <= 0.5 + 1e-6


@pytest.mark.parametrize(("steps", "holds"), [(0, True), (1, False), (-1, False)])
def test_the_next_number_is_too_far(steps: int, holds: bool) -> None:
    fold = conv_bn()
    value = fold.constant("conv", 1)
    if steps:
        value[0, 0, 0, 0] = np.nextafter(value[0, 0, 0, 0], np.float32(steps * np.inf))
    fold.store("conv", 1, value)
    assert fold.proof().proved == holds


def test_a_bias_has_its_distance_too() -> None:
    fold = conv_bn()
    bias = fold.node("conv").input[2]
    assert 0 < fold.proof().measured.distances[bias] <= 0.5 + 1e-6


@pytest.mark.parametrize(("index", "part"), [(1, "scale"), (2, "shift")])
def test_a_batch_normalization_that_stays_has_its_distances(index: int, part: str) -> None:
    net = Net(seed=4)
    x = net.node("Sigmoid", net.input(1, 3, 5, 5))
    y = net.bn(net.bn(x, name="first"), name="second")
    fold = Fold.of(net.model(net.node("Sigmoid", y)))
    (node,) = (node for node in fold.folded.graph.node if node.op_type == "BatchNormalization")
    assert 0 < fold.proof().measured.distances[node.input[index]] <= 0.5 + 1e-6, part
    value = fold.constant(node.name, index)
    value[1] = np.nextafter(np.nextafter(value[1], np.float32(np.inf)), np.float32(np.inf))
    fold.store(node.name, index, value)
    assert fold.proof().unproved[0].node == node.name
