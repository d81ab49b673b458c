"""Ranges of weights: by output channel, whatever the operator's layout."""

from typing import Any

import numpy as np
import pytest

from bnfold.network import Computed, Node, Tensor
from bnfold.report.content.weights import Layer, layers
from bnfold.report.details import by_output_channel, weight_place


def layer(op: str, shape: tuple[int, ...], place: int = 1, **attributes: Any) -> tuple[Node, np.ndarray]:
    weight = np.random.default_rng(0).normal(size=shape)
    fixed, data = Tensor("w", shape, constant=Computed.of(weight)), Tensor("x", None)
    inputs = (data, fixed) if place else (fixed, data)
    return Node("n", op, inputs, (Tensor("y", None),), attributes), weight


@pytest.mark.parametrize(
    ("op", "shape", "place", "attributes", "channel"),
    [
        ("Conv", (6, 2, 3, 3), 1, {"group": 2}, lambda w, c: w[c]),
        ("ConvTranspose", (4, 3, 2, 2), 1, {"group": 2}, lambda w, c: w[2 * (c // 3) : 2 * (c // 3) + 2, c % 3]),
        ("ConvTranspose", (4, 6, 2), 1, {}, lambda w, c: w[:, c]),
        ("Gemm", (5, 6), 1, {}, lambda w, c: w[:, c]),
        ("Gemm", (6, 5), 1, {"transB": 1}, lambda w, c: w[c]),
        ("MatMul", (5, 6), 1, {}, lambda w, c: w[:, c]),
        ("MatMul", (2, 5, 6), 1, {}, lambda w, c: w[:, :, c]),
        ("MatMul", (6, 5), 0, {}, lambda w, c: w[c]),
    ],
)
def test_channels_are_those_of_the_output(op: str, shape: Any, place: int, attributes: Any, channel: Any) -> None:
    node, weight = layer(op, shape, place, **attributes)
    assert weight_place(node) == place
    rows = by_output_channel(node, weight, place)
    assert len(rows) == 6
    for c in range(6):
        np.testing.assert_array_equal(np.sort(rows[c]), np.sort(channel(weight, c).ravel()))


def test_other_operators_have_no_weight() -> None:
    assert weight_place(layer("Add", (3,))[0]) is None
    assert weight_place(Node("n", "MatMul", (Tensor("a"), Tensor("b")), (Tensor("y"),))) is None


def test_bits_lost_are_those_between_the_largest_and_the_median_channel() -> None:
    assert Layer("n", (8.0, 1.0, 1.0)).spread == 3.0
    assert Layer("n", (0.0, 0.0)).spread == 0.0
    assert layers([{"node": "n", "low": [-4.0, -1.0], "high": [2.0, 3.0]}]) == [Layer("n", (4.0, 3.0))]


def test_subnormal_weights_are_counted_by_layer(data: dict[str, Any]) -> None:
    before, after = (
        sum(item["subnormals"] for item in data["details"][side]["weights"]) for side in ("before", "after")
    )
    assert before == 1
    assert after == data["verification"]["subnormals"]["after"]
