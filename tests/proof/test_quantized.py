"""Quantized weights: the scales that a fold rewrote are proved, and nothing of them may be off."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.conformance.cases import CASES
from tests.proof.folds import Fold

NAMES = (
    "conv-int8-per-channel",
    "conv-uint8-per-channel",
    "conv-uint8-per-tensor",
    "matmul-blocks",
    "gemm-int8",
    "conv-transpose-int8",
    "conv-int32-bias",
)


def folded(name: str) -> Fold:
    (case,) = (case for case in CASES if case.name == name)
    return Fold.of(case.model())


def changed(index: int, change: Callable[[np.ndarray], object]) -> Callable[[Fold], None]:
    """Change one constant of the first DequantizeLinear: 0 the integers, 1 the scale, 2 the zero point."""

    def tamper(fold: Fold) -> None:
        (node, *_) = (node for node in fold.folded.graph.node if node.op_type == "DequantizeLinear")
        value = fold.constant(node.name, index)
        change(value.reshape(-1))
        fold.store(node.name, index, value)

    return tamper


def off(values: np.ndarray) -> None:
    values[0] *= 1 + 2.0**-21


def one_more(values: np.ndarray) -> None:
    values[:1] = (values[:1].astype(np.int64) ^ 1).astype(values.dtype)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tamper", [changed(1, off), changed(0, one_more)], ids=["scale", "integer"])
def test_a_tampered_quantized_weight_is_refused_at_its_layer(name: str, tamper: Callable[[Fold], None]) -> None:
    fold = folded(name)
    assert fold.proof().proved
    tamper(fold)
    (layer,) = (n for n in fold.original.graph.node if n.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul"))
    assert fold.proof().unproved[0].node == layer.name


def test_a_tampered_zero_point_is_refused() -> None:
    fold = folded("conv-uint8-per-channel")
    changed(2, one_more)(fold)
    assert fold.proof().unproved[0].node.startswith("conv")


@pytest.mark.parametrize("kept", [1, 0])
def test_a_dequantization_that_lacks_inputs_is_only_not_proved(kept: int) -> None:
    fold = folded("conv-int8-per-channel")
    (node,) = (node for node in fold.folded.graph.node if node.op_type == "DequantizeLinear")
    del node.input[kept:]
    assert not fold.proof().proved


def test_scales_are_half_a_unit_from_exact_at_most() -> None:
    for name in NAMES:
        distances = folded(name).proof().measured.distances
        assert distances
        assert 0 < max(distances.values()) <= 0.5 + 1e-9
