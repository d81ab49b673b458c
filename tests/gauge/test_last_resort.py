"""`--objective eliminate`: what has no other form becomes a depthwise convolution, along whatever axis."""

import numpy as np
import pytest

from bnfold.objective import Objective
from bnfold.plan import Code
from tests.gauge.eliminated import eliminated, kept_code, of_unknown_length, operators
from tests.networks import Net, fold


@pytest.mark.parametrize("rank", [2, 3, 4, 5])
def test_the_last_resort_is_a_depthwise_convolution(rank):
    net = Net()
    folded = eliminated(net, net.node("Sigmoid", net.bn(net.node("Sigmoid", net.input(2, 3, *[4] * (rank - 2))))))
    around = ["Reshape"] if rank == 2 else []
    assert operators(folded) == ["Sigmoid", *around, "Conv", *around, "Sigmoid"]
    assert not folded.kept


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [((2, 3, 4, 5), 3), ((2, 3, 4, 5), 2), ((2, 3, 4), 2), ((3, 4, 5), 0), ((4,), 0), ((2, 3, 1, 2, 2, 2), 1)],
)
def test_along_any_axis_it_is_one_on_another_view(shape, axis, dynamic):
    net = Net(dynamic=dynamic and axis > 0)
    x, factors = net.node("Sigmoid", net.input(*shape)), [1] * (len(shape) - axis)
    factors[0] = shape[axis]
    x = net.node("Add", net.node("Mul", x, net.normal(*factors)), net.normal(*factors))
    folded = eliminated(net, net.node("Sigmoid", x))
    assert operators(folded) == ["Sigmoid", "Reshape", "Conv", "Reshape", "Sigmoid"]
    assert not folded.kept


def test_of_two_extents_that_are_not_known_no_view_tells_which_is_which():
    net = Net()
    x = net.node("Sigmoid", net.input(2, 3, 4))
    folded = of_unknown_length(net, net.node("Sigmoid", net.node("Mul", x, net.normal(4), name="tokens")))
    assert kept_code(folded, "tokens") is Code.SCALE


def test_a_run_of_leftovers_is_one_depthwise_convolution():
    net = Net()
    x = net.node("Mul", net.node("Sigmoid", net.input(2, 3, 4, 4)), net.normal(3, 1, 1))
    x = net.node("Add", net.node("Add", x, 0.5), net.normal(3, 1, 1))
    folded = eliminated(net, net.node("Sigmoid", x))
    assert operators(folded) == ["Sigmoid", "Conv", "Sigmoid"]
    assert {decision.into for decision in folded.plan.decisions} == {(folded.plan.decisions[-1].node,)}


def test_a_constant_minus_x_is_a_depthwise_convolution():
    net = Net()
    x = net.node("Sub", net.normal(3, 1, 1), net.node("Sigmoid", net.input(2, 3, 4, 4)))
    assert operators(eliminated(net, net.node("Sigmoid", x))) == ["Sigmoid", "Conv", "Sigmoid"]


def test_what_leaves_the_range_as_a_convolution_too_stays_a_normalization():
    net = Net(dtype=np.float16)
    x = net.node("Sigmoid", net.input(2, 3, 4, 4))
    tiny = {"gamma": np.full(3, 6e4), "variance": np.full(3, 6e-8), "mean": np.zeros(3), "beta": np.zeros(3)}
    model = net.model(net.node("Sigmoid", net.bn(x, name="huge", **tiny)))
    model.graph.node[1].attribute[0].f = 1e-12
    folded = fold(model, objective=Objective.ELIMINATE)
    assert kept_code(folded, "huge") is Code.RANGE


@pytest.mark.parametrize("constant", [np.array([0.5, 1.0, 2.0]), np.full(3, 0.5)])
@pytest.mark.parametrize(
    ("op", "first", "other"),
    [("Add", False, "Mul"), ("Sub", False, "Div"), ("Sub", True, "Mul"), ("Mul", False, "Add"), ("Div", False, "Sub")],
)
def test_the_convolution_in_place_of_an_operator_takes_up_others(op, first, other, constant):
    """As a second fold would, which finds the convolution there."""
    net = Net()
    operands = [net.input(2, 3, 5, 4), constant.reshape(3, 1, 1)]
    x = net.node("MaxPool", net.node(op, *(operands[::-1] if first else operands)), kernel_shape=[2, 2])
    folded = eliminated(net, net.node("Sigmoid", net.node(other, x, 4.0)))
    assert operators(folded) == ["Conv", "MaxPool", "Sigmoid"]
    assert not folded.kept


def test_a_single_constant_that_takes_up_one_of_every_channel_is_none():
    net = Net()
    x = net.relu(net.node("Mul", net.input(2, 3, 5, 4), np.array([0.5, 1, 2]).reshape(3, 1, 1)))
    folded = eliminated(net, net.node("Sigmoid", net.node("Mul", x, 4.0)))
    assert operators(folded) == ["Relu", "Conv", "Sigmoid"]
    assert not folded.kept


def test_a_single_constant_behind_one_of_every_channel_is_in_the_same_convolution():
    net = Net()
    x = net.node("Mul", net.node("Sigmoid", net.input(2, 3, 5, 4)), np.array([0.5, 1, 2]).reshape(3, 1, 1))
    folded = eliminated(net, net.node("Sigmoid", net.node("Add", x, 1.0)))
    assert operators(folded) == ["Sigmoid", "Conv", "Sigmoid"]
