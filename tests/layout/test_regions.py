"""Regions that change their layout as a whole: what lies at their border, and what is in their way."""

import numpy as np
import onnx_ir as ir

from bnfold.graph.prepare import prepare
from bnfold.graph.tensors import exact_of
from bnfold.layout.clean import clean_layout
from tests.layout.channels_last import TO_FIRST, TO_LAST
from tests.layout.cleaning import cleaned
from tests.networks import Net


def test_a_small_operand_from_elsewhere_is_moved_in():
    """Two Transposes of images go, for one of a tensor with one value per channel."""
    net = Net()
    x = net.node("Transpose", net.relu(net.input(2, 3, 4, 5)), perm=TO_LAST)
    gate = net.node("Sigmoid", net.input(1, 1, 1, 3, name="gate"))
    found = cleaned(net, net.node("Tanh", net.node("Transpose", net.node("Mul", x, gate), perm=TO_FIRST)))
    (moved,) = (node for node in found.model.graph if node.op_type == "Transpose")
    assert moved.inputs[0].name == "gate"
    assert moved.outputs[0].shape == (1, 3, 1, 1)


def test_outputs_that_are_the_same_tensor_in_the_other_layout_keep_their_names():
    net = Net()
    y = net.relu(net.node("Transpose", net.node("Tanh", net.input(2, 3, 4, 5)), perm=TO_LAST))
    found = cleaned(net, *(net.node("Transpose", y, perm=TO_FIRST) for _ in range(3)))
    assert found.ops == {"Tanh": 1, "Relu": 1, "Identity": 2}


def test_a_tensor_in_two_layouts_at_once_ends_the_region():
    """Rows and columns together change places with the channels, so the sum is of two layouts of one shape."""
    net = Net()
    x = net.relu(net.node("Transpose", net.node("Tanh", net.input(2, 6, 6, 6)), perm=TO_LAST))
    turned = net.node("Transpose", net.node("Reshape", x, [2, 36, 6]), perm=[0, 2, 1])
    total = net.node("Add", x, net.node("Reshape", turned, [2, 6, 6, 6]))
    assert cleaned(net, net.node("Transpose", total, perm=TO_FIRST)).ops["Add"] == 1


def test_a_constant_that_was_computed_stays_unrounded():
    """1/3 of a weight has no exact value in float32; the fold computes with what it has before it is rounded."""
    net = Net()
    x = net.node("Transpose", net.relu(net.input(2, 3, 4, 5)), perm=TO_LAST)
    third = net.node("Div", net.normal(3), np.asarray(3.0))
    y = net.node("Transpose", net.node("Mul", x, third), perm=TO_FIRST)
    model = ir.from_proto(net.model(net.node("Tanh", y)))
    prepare(model)
    clean_layout(model)
    (mul,) = (node for node in model.graph if node.op_type == "Mul")
    weight, _ = net.constants.values()
    assert np.array_equal(exact_of(mul.inputs[1]).numpy(), (weight / np.float64(3)).reshape(1, 3, 1, 1))


def test_new_names_are_no_ones_that_are_there():
    net = Net()
    scale = net.constant(net.normal(3), "scale")
    x = net.node("Tanh", net.relu(net.input(2, 3, 4, 5)), name="scale.transposed")
    net.nodes[-1].output[0] = "scale.transposed"
    net.types["scale.transposed"] = net.types[x]
    y = net.node("Mul", net.node("Transpose", "scale.transposed", perm=TO_LAST), scale)
    found = cleaned(net, net.node("Sigmoid", net.node("Transpose", y, perm=TO_FIRST)))
    assert found.ops["Transpose"] == 0
