"""A Relu that became a Max or a Min is proved, and a bound off by little is not."""

from __future__ import annotations

import numpy as np
import pytest

from bnfold.objective import Objective
from tests.networks import Net, fold
from tests.proof.folds import Fold


def clamped(sign: float) -> Fold:
    """A batch normalization between a Relu and a layer that pads, so its shift can only pass the Relu."""
    net = Net(seed=11)
    x = net.node("Relu", net.conv(net.input(1, 3, 6, 6), 4, name="first"), name="relu")
    y = net.bn(x, gamma=sign * np.asarray([0.5, 0.7, 1.1, 1.3]), name="bn")
    model = net.model(net.node("Sigmoid", y))
    return Fold.of(model, fold(model, objective=Objective.ELIMINATE))


@pytest.mark.parametrize(("sign", "op"), [(1.0, "Max"), (-1.0, "Min")])
def test_a_relu_with_a_shift(sign: float, op: str) -> None:
    result = clamped(sign)
    assert [node.op_type for node in result.folded.graph.node] == ["Conv", op, "Sigmoid"]
    assert result.proof().unproved == ()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_bound_off_by_little_is_refused(sign: float) -> None:
    result = clamped(sign)
    (node,) = [node for node in result.folded.graph.node if node.op_type in ("Max", "Min")]
    bound = result.constant(node.name, 1)
    bound.reshape(-1)[1] *= np.float32(1 + 2.0**-21)
    result.store(node.name, 1, bound)
    assert result.proof().unproved[0].node == "relu"


@pytest.mark.parametrize(("sign", "other"), [(1.0, "Min"), (-1.0, "Max")])
def test_the_other_bound_is_refused(sign: float, other: str) -> None:
    result = clamped(sign)
    (node,) = [node for node in result.folded.graph.node if node.op_type in ("Max", "Min")]
    node.op_type = other
    assert result.proof().unproved[0].node == "relu"
