"""A constant is found wherever it hides: each parameter of a normalization written in another way."""

from collections.abc import Callable

import numpy as np
import pytest
from onnx import TensorProto, numpy_helper

from tests.gauge.contract import check
from tests.networks import Net

SCALE = np.asarray([0.5, 1.25, 2, 1], np.float32)
Hide = Callable[[Net], str]


def constant(net: Net, **attribute: object) -> str:
    """A Constant node, whose attribute says its type."""
    return net.node("Constant", **attribute)


FORMS: dict[str, Hide] = {
    "value": lambda net: constant(net, value=numpy_helper.from_array(SCALE)),
    "value_float": lambda net: net.node("Expand", constant(net, value_float=0.75), np.asarray([4])),
    "value_floats": lambda net: constant(net, value_floats=SCALE.tolist()),
    "value_int": lambda net: net.node(
        "Expand", net.node("Cast", constant(net, value_int=3), to=TensorProto.FLOAT), np.asarray([4])
    ),
    "value_ints": lambda net: net.node("Cast", constant(net, value_ints=[3, 1, 2, 4]), to=TensorProto.FLOAT),
    "value_string": lambda net: net.node(
        "Expand", net.node("Cast", constant(net, value_string="0.75"), to=TensorProto.FLOAT), np.asarray([4])
    ),
    "value_strings": lambda net: net.node(
        "Cast", constant(net, value_strings=["0.5", "1.25", "2", "1e0"]), to=TensorProto.FLOAT
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_constant(form: str) -> None:
    net = Net()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    scale = FORMS[form](net)
    y = net.node("BatchNormalization", x, scale, np.zeros(4), np.zeros(4), np.ones(4))
    folded = check(net, [y])
    assert folded.kept == []
    assert [node.op_type for node in folded.rounded.graph] == ["Conv"]
