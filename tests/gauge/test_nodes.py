"""What single nodes say of themselves, whatever stands around them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bnfold.affine_operators import constant_operand, elements
from bnfold.gauge.rules import read
from bnfold.gauge.rules.linear import multiply, pads_with_zeros
from bnfold.gauge.units import Units
from bnfold.network import Network, Node, OpaqueError, Tensor
from tests.gauge.test_exchange import Constant, norm

X, Y = (Tensor(name, (1, 4, 5, None)) for name in "xy")
KNOWN = Tensor("x", (1, 4, 5, 6))
FOUR = Tensor("four", (4,), constant=Constant(np.arange(1.0, 5.0)))
MATRIX = Tensor("matrix", (4, 4), constant=Constant(np.eye(4)))


def test_a_constant_that_lies_along_an_axis_of_its_own_is_none_that_broadcasts() -> None:
    plain = Node("it", "Mul", (X, FOUR), (Y,))
    aligned = replace(plain, attributes={"broadcast": 1, "axis": 1})
    assert constant_operand(plain) is not None
    assert elements(plain) == 4
    assert constant_operand(aligned) is None
    assert elements(aligned) is None


@pytest.mark.parametrize(
    ("x", "kernel", "attributes", "pads"),
    [
        (X, (3, 3), {}, False),
        (X, (3, 3), {"pads": (0, 0, 0, 0)}, False),
        (X, (1, 1), {"pads": (0, 0, 0, 1)}, True),
        (X, (3, 3), {"auto_pad": "VALID"}, False),
        (X, (3, 3), {"auto_pad": "SAME_UPPER"}, True),
        (X, (1, 3), {"auto_pad": "SAME_UPPER"}, True),
        (X, (1, 1), {"auto_pad": "SAME_LOWER"}, False),
        (X, (1, 1), {"auto_pad": "SAME_LOWER", "dilations": (2, 2)}, False),
        (KNOWN, (3, 1), {"auto_pad": "SAME_UPPER"}, True),
        (KNOWN, (3, 1), {"auto_pad": "SAME_UPPER", "strides": (3, 1)}, True),
        (KNOWN, (1, 2), {"auto_pad": "SAME_UPPER", "strides": (1, 2)}, False),
        (KNOWN, (1, 2), {"auto_pad": "SAME_UPPER", "strides": (1, 2), "dilations": (1, 2)}, True),
        (KNOWN, (2, 1), {"auto_pad": "SAME_UPPER", "strides": (2, 1)}, True),
        (KNOWN, (1, 2), {"auto_pad": "SAME_UPPER", "strides": (1, 5)}, True),
    ],
)
def test_what_reads_zeros_outside_its_input(
    x: Tensor, kernel: Sequence[int], attributes: Mapping[str, Any], pads: bool
) -> None:
    assert pads_with_zeros(Node("it", "Conv", (x,), (Y,), attributes), kernel) is pads


@pytest.mark.parametrize("inputs", [(MATRIX, MATRIX), (KNOWN, MATRIX, X)])
def test_a_product_is_a_layer_only_of_what_changes_with_constants(inputs: tuple[Tensor, ...]) -> None:
    node = Node("it", "MatMul", inputs, (Y,))
    with pytest.raises(OpaqueError):
        multiply(node, Units(Network((node,), (X,), (Y,))))


@pytest.mark.parametrize(("x", "y"), [(None, Y), (X, None), (Tensor("x"), Y), (FOUR, Y)])
def test_what_moves_nothing_known_to_anything_known_is_opaque(x: Tensor | None, y: Tensor | None) -> None:
    assert read(Network((Node("it", "Identity", (x,), (y,)),), (X,), (Y,))).opaque == {"it"}


def test_the_statistics_of_a_normalization_lie_along_its_channels() -> None:
    node = norm("bn", "x", 0)
    units = read(Network((node,), (node.inputs[0],), node.outputs))  # type: ignore[arg-type]
    for name in ("x", "bn.y"):
        found = units.statistics[name]
        assert found.mean.shape == found.spread.shape == (1, 4, 1, 1)
