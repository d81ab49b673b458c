"""`--objective eliminate`: the dearer forms, which of them is taken, and where none is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bnfold.affine_operators import affine_of, elements
from bnfold.gauge import cost, last_resort, relaxed
from bnfold.graph.facts import read_facts
from bnfold.network import Tensor
from bnfold.objective import Objective
from bnfold.plan import Code
from bnfold.price import price_of
from tests.gauge.contract import check
from tests.gauge.eliminated import VALID, eliminated, kept_code, of_unknown_length, operators
from tests.gauge.test_contract import networks
from tests.networks import Net, disagreement, fold


@given(networks())
@settings(max_examples=80)
def test_random_networks(drawn):
    folded = check(*drawn, Objective.ELIMINATE)
    reasons = {decision.node: decision.reason for decision in folded.plan.decisions if decision.reason is not None}
    for node in folded.facts.network.nodes:
        why = reasons.get(node.name)
        if why is not None and why.code in last_resort.REASONS and why.against != node.name:
            tensors = [tensor for tensor in (*node.inputs, *node.outputs) if tensor is not None]
            units = [folded.plan.units[tensor.name].gain for tensor in tensors if tensor.name in folded.plan.units]
            assert not last_resort.exists(node) or last_resort.channel_axis(affine_of(node).scale, *units) is None


@pytest.mark.parametrize("focus", ["relu", "clip", "conv", "pad", "matmul"])
def test_every_relaxed_operator(focus):

    @given(networks(focus=focus))
    @settings(max_examples=25)
    def run(drawn):
        check(*drawn, Objective.ELIMINATE)

    run()


def between(net: Net, first: str, second: str, **changed) -> str:
    """A convolution, an activation, a batch normalization, another activation and a convolution."""
    x = net.node(first, net.conv(net.input(2, 3, 5, 4), 4))
    return net.conv(net.node(second, net.bn(x, **changed)), 4)


def test_a_relu_with_a_shift_is_a_max():
    net = Net()
    folded = eliminated(net, between(net, "Relu", "Relu"))
    assert operators(folded) == ["Conv", "Max", "Relu", "Conv"]
    assert folded.decision("batchnormalization2").forms == {"relu1": ("Max",)}


def test_negative_scales_make_it_a_min():
    net = Net()
    folded = eliminated(net, between(net, "Relu", "Relu", gamma=-np.ones(4)))
    assert operators(folded) == ["Conv", "Min", "Relu", "Conv"]


def test_both_signs_cost_a_max_and_a_min_so_a_depthwise_convolution_is_cheaper():
    net = Net()
    folded = eliminated(net, between(net, "Relu", "Relu", gamma=np.array([1.0, -1, 1, -1])))
    assert operators(folded) == ["Conv", "Relu", "Conv", "Relu", "Conv"]
    decision = folded.decision("batchnormalization2")
    assert decision.into == ("batchnormalization2",)
    assert decision.forms == {"batchnormalization2": ("Conv",)}


def test_both_signs_where_two_normalizations_share_them():
    """Max and Min are 4 passes over the elements, two depthwise convolutions would be 6."""
    net = Net()
    gamma = np.array([1.0, -1, 1, -1])
    x = net.relu(net.conv(net.input(2, 3, 5, 4), 4))
    outputs = [net.relu(net.bn(x, gamma=gamma)), net.relu(net.node("Neg", net.bn(x, gamma=gamma)))]
    y = net.node("Add", *outputs)
    folded = eliminated(net, y)
    assert not folded.kept


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_missing_bounds_are_the_largest_number_of_the_type(dtype):
    """Where no depthwise convolution is possible, both signs need a Max and a Min."""
    net = Net(dtype=dtype)
    x = net.relu(net.node("Add", net.node("MatMul", net.input(2, 5, 3), net.normal(3, 4)), net.normal(4)))
    x = net.node("Add", net.node("Mul", x, np.array([1.0, -2, 3, -1])), net.random.normal(size=4))
    folded = of_unknown_length(net, net.node("Sigmoid", x))
    assert operators(folded) == ["MatMul", "Add", "Max", "Min", "Sigmoid"]
    bounds = [value.const_value.numpy() for value in folded.rounded.graph.initializers.values()]
    assert all(np.isfinite(bound).all() for bound in bounds)
    assert sum((np.abs(bound) == np.finfo(dtype).max).sum() for bound in bounds) == 4


@pytest.mark.parametrize("high", [0.7, 6.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_two_bounds_that_stay_uniform_are_a_clip(high, sign):
    net = Net()
    x = net.node("Clip", net.conv(net.input(2, 3, 5, 4), 4), 0.0, high)
    folded = eliminated(net, net.node("Sigmoid", net.node("Add", net.node("Mul", x, sign * 0.5), 0.25)))
    assert operators(folded) == ["Conv", "Clip", "Sigmoid"]
    assert not folded.kept


def test_two_bounds_per_channel_are_a_max_and_a_min_where_nothing_else_is():
    net = Net()
    x = net.node("Clip", net.node("MatMul", net.input(2, 5, 3), net.normal(3, 4)), 0.0, 0.7)
    folded = of_unknown_length(net, net.node("Sigmoid", net.node("Mul", x, np.array([1.0, -2, 3, -1]))))
    assert operators(folded) == ["MatMul", "Max", "Min", "Sigmoid"]


@pytest.mark.parametrize("group", [1, 3])
@pytest.mark.parametrize("pads", [[1, 1, 1, 1], [0, 2, 1, 0]])
def test_a_uniform_shift_is_written_at_the_border(group, pads):
    net = Net()
    x = net.node("Div", net.node("Sub", net.input(2, 3, 5, 4), 0.5), 0.25)
    folded = eliminated(net, net.conv(x, 6, group=group, pads=pads))
    assert operators(folded) == ["Pad", "Conv"]
    assert folded.decision("sub0").forms == {"conv2": ("Pad", "Conv")}


@pytest.mark.parametrize("rank", [3, 4, 5])
def test_a_channel_of_ones_carries_a_shift_of_many_channels_to_few(rank):
    net = Net()
    x = net.bn(net.input(2, 40, *[4] * (rank - 2)))
    folded = eliminated(net, net.conv(x, 1, strides=[2] * (rank - 2), dilations=[1] * (rank - 2)))
    assert operators(folded) == ["Pad", "Conv"]
    price = price_of(folded.facts.network, read_facts(folded.rounded).network)
    assert price.channels == 1
    assert price.added == {"Pad": 1}
    assert price.multiply_adds_after > price.multiply_adds_before


def test_few_channels_are_cheaper_to_normalize_than_to_extend():
    net = Net()
    folded = eliminated(net, net.conv(net.bn(net.input(2, 3, 5, 4)), 8))
    assert operators(folded) == ["Conv", "Conv"]


def test_groups_have_no_channel_of_ones():
    net = Net()
    folded = eliminated(net, net.conv(net.bn(net.input(2, 40, 5, 4)), 40, group=40))
    assert operators(folded) == ["Conv", "Conv"]
    assert folded.decision("batchnormalization0").forms == {"batchnormalization0": ("Conv",)}


@pytest.mark.parametrize("objective", Objective)
@pytest.mark.parametrize("value", [None, 0.3])
def test_a_pad_writes_its_number_in_other_units_for_nothing(objective, value):
    net = Net()
    x = net.node("Div", net.node("Sub", net.input(2, 3, 5, 4), 0.5), 0.25)
    operands = [[0, 0, 1, 2, 0, 0, 0, 1]] + ([] if value is None else [value])
    folded = check(net, [net.conv(net.node("Pad", x, *operands), 4, pads=VALID)], objective)
    assert operators(folded) == ["Pad", "Conv"]


def test_a_pad_has_one_number_only():
    net = Net()
    x = net.node("Pad", net.bn(net.input(2, 3, 5, 4)), [0, 0, 1, 1, 0, 0, 1, 1])
    folded = eliminated(net, net.conv(x, 4, pads=VALID))
    assert operators(folded) == ["Conv", "Pad", "Conv"]


def test_a_channel_that_is_dead_is_no_obstacle():
    net = Net()
    x = net.node("Sigmoid", net.input(2, 3, 4, 4))
    folded = eliminated(net, net.node("Sigmoid", net.bn(x, gamma=np.array([1.0, 0, -1]))))
    assert operators(folded) == ["Sigmoid", "Conv", "Sigmoid"]


@pytest.mark.parametrize("slope", [0.1, np.array([[[0.1]], [[0.5]], [[2.0]], [[0.3]]])])
def test_two_slopes_keep_their_conditions(slope):
    """No form lets a shift through, so what is behind them becomes a convolution."""
    net = Net()
    x = net.conv(net.input(2, 3, 5, 4), 4, pads=VALID)
    y = net.node("LeakyRelu", x, alpha=slope) if isinstance(slope, float) else net.node("PRelu", x, slope)
    folded = eliminated(net, net.node("Sigmoid", net.bn(y)))
    assert operators(folded) == ["Conv", folded.facts.network.nodes[1].op, "Conv", "Sigmoid"]


@given(arrays(np.float64, 5, elements=st.floats(-9, 9)), st.floats(0.01, 0.99), st.floats(0.1, 4), st.floats(-4, 4))
def test_what_two_slopes_become_in_other_units(x, a, scale, shift):
    """The forms that the documentation weighs, and their price."""

    def leaky(x, slope=a):
        return np.where(x > 0, x, slope * x)

    stored = (leaky(scale * x + shift) - shift) / scale
    np.testing.assert_allclose(np.maximum(x, a * x + (a - 1) * shift / scale), stored, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(scale * leaky(x + shift / scale), leaky(scale * x + shift), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(-a * leaky(x, 1 / a), leaky(-x), rtol=1e-9, atol=1e-9)
    tensor = Tensor("x", (2, 4, 5, 5))
    max_of_two_tensors = 3 * cost.elements(tensor)
    assert cost.depthwise(tensor) + max_of_two_tensors == 6 * cost.elements(tensor) > cost.depthwise(tensor)


def test_single_constants_stay():
    net = Net()
    x = net.node("Mul", net.node("Sigmoid", net.input(2, 3, 4, 4)), 2.0, name="single")
    folded = eliminated(net, net.node("Sigmoid", x))
    assert kept_code(folded, "single") is Code.SCALE


def test_training_mode_and_numbers_that_are_none_stay():
    net = Net()
    x = net.node("Sigmoid", net.input(2, 3, 4, 4))
    x = net.node("BatchNormalization", x, *[np.ones(3)] * 4, outputs=3, training_mode=1, name="trains")[0]
    x = net.bn(net.node("Sigmoid", x), variance=-np.ones(3), name="negative")
    folded = fold(net.model(net.node("Sigmoid", x)), objective=Objective.ELIMINATE)
    assert kept_code(folded, "trains") is Code.TRAINING
    assert kept_code(folded, "negative") is Code.NONFINITE


def test_latency_has_none_of_the_dearer_forms():
    net = Net()
    folded = check(net, [between(net, "Relu", "Relu")])
    assert operators(folded) == ["Conv", "Relu", "BatchNormalization", "Relu", "Conv"]


def test_a_wish_costs_the_removals_that_need_it_gone():
    """All that stays relaxed is paid for: forms cost no more than what they replace would."""
    net = Net()
    x = net.conv(net.input(1, 3, 6, 6), 4)
    for _ in range(3):
        y = net.conv(net.relu(net.bn(x)), 4, 1)
        x = net.node("Concat", x, net.conv(net.relu(net.bn(y)), 2), axis=1)
    folded = eliminated(net, net.linear(net.node("Flatten", net.node("GlobalAveragePool", net.relu(net.bn(x)))), 3))
    nodes = {node.name: node for node in folded.facts.network.nodes}
    forms = {name: nodes[name] for name in folded.plan.forms}
    assert {node.op for node in forms.values()} == {"Relu"}
    price = sum(cost.elementwise(node.outputs[0]) for node in forms.values())
    removed = [nodes[decision.node] for decision in folded.plan.decisions]
    assert price <= sum(relaxed.worth(node, Objective.ELIMINATE) for node in removed)
    assert not any(elements(node) for node in read_facts(folded.rounded).network.nodes)


def test_fold_agrees_with_float64_on_more_inputs():
    net = Net(seed=3)
    folded = eliminated(net, between(net, "Relu", "Sigmoid", gamma=np.array([2.0, 1, 3, 0.5])))
    assert max(disagreement(folded, net.feeds(seed)) for seed in range(5, 9)) < 1e-10


@pytest.mark.parametrize("objective", Objective)
def test_a_constant_minus_x_goes_where_a_removal_beside_it_could_not_stay(objective):
    """Kept or removed it keeps the size of the scale, so the normalization is in its way from the start."""
    net = Net()
    x = net.conv(net.input(2, 3, 5, 4), 4)
    outputs = [net.bn(x, name="beside"), net.node("Sub", 2.0, x, name="minus")]
    folded = check(net, outputs, objective)
    assert folded.decision("minus").removed
    eliminating = objective is Objective.ELIMINATE
    assert operators(folded) == ["Conv", "Conv" if eliminating else "BatchNormalization"]


def test_a_constant_minus_x_that_stays_moves_a_shift_into_its_constant():
    net = Net()
    x = net.conv(net.input(2, 3, 5, 4), 4)
    y = net.node("Add", x, net.normal(4, 1, 1), name="shift")
    folded = check(net, [y, net.node("Sigmoid", net.node("Sub", net.normal(4, 1, 1), x))])
    assert operators(folded) == ["Conv", "Sub", "Sigmoid"]


@pytest.mark.parametrize("objective", Objective)
def test_an_operator_that_could_neither_go_nor_stay_goes(objective):
    """If the normalization went, it would have to stay, but not with the scale of the other sign."""
    net = Net()
    x = net.conv(net.input(2, 3, 5, 4), 4)
    beside = net.node("Sigmoid", net.bn(x, gamma=-np.ones(4), name="beside"))
    minus = net.node("LeakyRelu", net.node("Sub", 2.0, x, name="minus"))
    folded = check(net, [beside, net.conv(minus, 4)], objective)
    assert folded.decision("minus").removed
    if objective is Objective.LATENCY:
        reason = folded.decision("beside").reason
        assert reason is not None
        assert reason.against == "minus"
