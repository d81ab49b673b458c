"""The dearer forms of `--objective eliminate`: a border that is not 0, a channel of ones, a convolution of a matrix."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from benchmarks.conformance.cases import CASES
from bnfold.objective import Objective
from tests.networks import fold
from tests.proof.folds import Fold


def folded(name: str) -> Fold:
    (case,) = (case for case in CASES if case.name == name)
    model = case.model()
    return Fold.of(model, fold(model, objective=Objective.ELIMINATE))


def written(fold: Fold, *ops: str) -> onnx.NodeProto:
    return next(node for node in fold.folded.graph.node if node.op_type in ops)


def off(op: str, index: int, at: int, factor: float) -> Callable[[Fold], None]:
    def tamper(fold: Fold) -> None:
        node = written(fold, op)
        value = fold.constant(node.name, index)
        value.reshape(-1)[at] *= np.float32(factor)
        fold.store(node.name, index, value)

    return tamper


def moved_pad(fold: Fold) -> None:
    """One pixel more at one border, one less at the other."""
    node = written(fold, "Pad")
    pads = fold.constant(node.name, 1)
    pads[[2, 6]] += [1, -1]
    fold.store(node.name, 1, pads)


def reflecting(fold: Fold) -> None:
    written(fold, "Pad").attribute.append(onnx.helper.make_attribute("mode", "reflect"))


def another_order(fold: Fold) -> None:
    """The matrix is read as its transpose's elements would lie."""
    node = written(fold, "Reshape")
    shape = fold.constant(node.name, 1)
    shape[:] = [-1, 3, 1]
    fold.store(node.name, 1, shape)


def another_view(fold: Fold) -> None:
    """The channels are taken to lie one axis further in front."""
    node = written(fold, "Reshape")
    shape = fold.constant(node.name, 1)
    shape[:] = [-1, 7, 5]
    fold.store(node.name, 1, shape)


CASES_TO_TAMPER = {
    "the border": ("eliminate-normalization-padded", off("Pad", 2, 0, 1 + 2.0**-20), "conv7.node"),
    "where the border is": ("eliminate-normalization-padded", moved_pad, "conv7.node"),
    "what the border repeats": ("eliminate-normalization-padded", reflecting, "conv7.node"),
    "a weight behind the border": ("eliminate-normalization-padded", off("Conv", 1, 5, 1 + 2.0**-20), "conv7.node"),
    "a weight of the ones": ("eliminate-padded-channel-of-ones", off("Conv", 1, -1, 1 + 2.0**-20), "conv8.node"),
    "a weight beside the ones": ("eliminate-padded-channel-of-ones", off("Conv", 1, 0, 1 + 2.0**-20), "conv8.node"),
    "what the ones are": ("eliminate-padded-channel-of-ones", off("Pad", 2, 0, 1.5), "conv8.node"),
    "the bias behind the ones": ("eliminate-padded-channel-of-ones", off("Conv", 2, 0, 1.001), "conv8.node"),
    "a factor of a matrix": ("eliminate-between-sigmoids-of-a-matrix", off("Conv", 1, 1, 1.001), None),
    "a summand of a matrix": ("eliminate-between-sigmoids-of-a-matrix", off("Conv", 2, 1, 1.001), None),
    "the order of a matrix": ("eliminate-between-sigmoids-of-a-matrix", another_order, None),
    "a summand along the last axis": ("eliminate-other-axis", off("Conv", 2, 3, 1.001), "add3.node"),
    "the view of the last axis": ("eliminate-other-axis", another_view, "add3.node"),
    "the bound behind another clamp": ("eliminate-relu-bn-relu", off("Max", 1, 2, 1 + 2.0**-20), "relu10.node"),
    "a bound of a Clip": ("eliminate-relu6-scalars", off("Clip", 1, 0, 1 + 2.0**-20), "clip6.node"),
}


@pytest.mark.parametrize("name", CASES_TO_TAMPER)
def test_a_tampered_form_is_refused_at_its_node(name: str) -> None:
    case, tamper, node = CASES_TO_TAMPER[name]
    result = folded(case)
    assert result.proof().unproved == ()
    tamper(result)
    assert result.proof().unproved[0].node == (node or "batchnormalization6.node")
