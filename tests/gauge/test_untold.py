"""Operators of which only a run tells what they do: what stands behind them stays, and what they write stays right.

Parameters that are inputs of the model may have any value. A rule that read the one of this run would fold wrongly.
"""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.networks import Folded, Net, disagreement, fold


def folded_behind(op: str, told: dict[str, np.ndarray], fixed: dict[str, np.ndarray], shape, outputs, **attributes):
    """Conv -> op -> BN with some parameters of the operator as inputs of the model; folded and compared."""
    net = Net()
    x = net.conv(net.input(1, 3, 4, 4), 4)
    for name, value in told.items():
        net.types[name] = helper.make_tensor_type_proto(TensorProto.INT64, value.shape)
    operands = [*told, *(net.constant(value, name) for name, value in fixed.items())]
    y = net.node(op, x, *operands, outputs=outputs, **attributes)
    y = y if outputs == 1 else y[-1]
    net.types[y] = helper.make_tensor_type_proto(TensorProto.FLOAT, shape)
    model = net.model(net.bn(y, name="it"))
    model.graph.input.extend(
        helper.make_tensor_value_info(name, TensorProto.INT64, value.shape) for name, value in told.items()
    )
    onnx.checker.check_model(model)
    folded = fold(model)
    assert disagreement(folded, {**net.feeds(), **told}) < 1e-10
    return folded


CASES = [
    ("Slice", {"starts": [1], "ends": [4]}, {"axes": [1]}, (1, 3, 4, 4), 1, {}),
    ("Gather", {"indices": [2, 0]}, {}, (1, 2, 4, 4), 1, {"axis": 1}),
    ("Split", {"sizes": [1, 3]}, {}, (1, 3, 4, 4), 2, {"axis": 1}),
    ("Reshape", {"shape": [1, 4, 2, 8]}, {}, (1, 4, 2, 8), 1, {}),
    ("Pad", {"pads": [0, 0, 1, 1, 0, 0, 1, 1]}, {}, (1, 4, 6, 6), 1, {"mode": "reflect"}),
]


@pytest.mark.parametrize(("op", "told", "fixed", "shape", "outputs", "attributes"), CASES, ids=[c[0] for c in CASES])
def test_parameters_that_are_inputs(op, told, fixed, shape, outputs, attributes):
    told, fixed = ({name: np.array(value) for name, value in given.items()} for given in (told, fixed))
    assert folded_behind(op, told, fixed, shape, outputs, **attributes).kept == ["it"]
    assert folded_behind(op, {}, {**told, **fixed}, shape, outputs, **attributes).kept == []


def behind(net: Net, y: str) -> Folded:
    """Fold with a BN behind it, and compare."""
    folded = fold(net.model(net.bn(y, name="it")))
    assert disagreement(folded, net.feeds()) < 1e-10
    return folded


@pytest.mark.parametrize("computed", [False, True])
def test_a_bias_that_is_an_input(computed):
    net = Net()
    bias = net.input(4, name="bias") if computed else net.random.normal(size=4)
    y = net.node("Conv", net.input(1, 3, 4, 4), net.normal(4, 3, 3, 3), bias)
    assert behind(net, y).kept == (["it"] if computed else [])


@pytest.mark.parametrize("copies", [1, 3])
def test_weights_that_multiply_their_input(copies):
    """One input and three matrices give three results: no units of the input's are theirs."""
    net = Net()
    y = net.node("MatMul", net.input(1, 5, 4), net.normal(copies, 4, 6))
    y = net.node("Mul", y, net.random.uniform(0.5, 2, 6), name="it")
    folded = fold(net.model(y))
    assert disagreement(folded, net.feeds()) < 1e-10
    assert folded.kept == (["it"] if copies > 1 else [])


@pytest.mark.parametrize("more", [{}, {"output_padding": [1, 1]}, {"auto_pad": "VALID", "pads": None}])
def test_a_shift_in_front_of_a_transposed_convolution(more):
    """Only where every output sees the whole kernel: not next to padding that is added, or that is not told."""
    net = Net()
    attributes = {"dilations": [2, 2], "pads": [4] * 4} | more
    attributes = {name: value for name, value in attributes.items() if value is not None}
    x = net.bn(net.input(1, 3, 8, 8), name="it")
    folded = fold(net.model(net.node("ConvTranspose", x, net.normal(3, 4, 3, 3), **attributes)))
    assert disagreement(folded, net.feeds()) < 1e-10
    assert folded.kept == (["it"] if more else [])
