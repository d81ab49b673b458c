"""Random changes to a folded model or to its certificate: what is still accepted computes the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from tests.gauge.steps import Draw
from tests.gauge.test_contract import networks
from tests.networks import Net
from tests.proof.folds import Fold, assert_sound

SWAPS = {"Relu": "Abs", "Add": "Sub", "Sub": "Add", "Mul": "Div", "Max": "Min", "Min": "Max", "Abs": "Relu"}


def weight(fold: Fold, draw: Draw) -> None:
    """One number of a constant, by much or by little, or all of them in another order."""
    tensors = [t for t in fold.folded.graph.initializer if t.data_type == onnx.TensorProto.FLOAT and 0 not in t.dims]
    assume(tensors)
    tensor = draw.one(*tensors)
    value = numpy_helper.to_array(tensor).copy()
    if draw.flag():
        value = np.flip(value, 0) if value.ndim else -value
    else:
        flat = value.reshape(-1)
        at = draw.integer(0, flat.size - 1)
        flat[at] = draw.one(0.0, flat[at] * 1.01, -flat[at], flat[at] + 1)
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value), tensor.name))


def attribute(fold: Fold, draw: Draw) -> None:
    """One number of an attribute."""
    found = [a for node in fold.folded.graph.node for a in node.attribute if a.ints or a.type in (1, 2)]
    assume(found)
    chosen, step = draw.one(*found), draw.one(-1, 1)
    if chosen.ints:
        chosen.ints[draw.integer(0, len(chosen.ints) - 1)] += step
    elif chosen.type == onnx.AttributeProto.INT:
        chosen.i += step
    else:
        chosen.f += 0.1 * step


def operator(fold: Fold, draw: Draw) -> None:
    """Another operator of the same form."""
    found = [node for node in fold.folded.graph.node if node.op_type in SWAPS]
    assume(found)
    node = draw.one(*found)
    node.op_type = SWAPS[node.op_type]


def wire(fold: Fold, draw: Draw) -> None:
    """A node reads another tensor of those that are written before it."""
    node = draw.one(*fold.folded.graph.node)
    tensors = [value.name for value in fold.folded.graph.input]
    for other in fold.folded.graph.node:
        if other is node:
            break
        tensors += other.output
    inputs = [index for index, name in enumerate(node.input) if name in tensors]
    assume(inputs)
    node.input[draw.one(*inputs)] = draw.one(*tensors)


def claim(fold: Fold, draw: Draw) -> None:
    """One number of a claim, or where a tensor is stored."""
    assume(fold.claims)
    tensor = draw.one(*fold.claims)
    scale, shift = fold.claims[tensor].scale.copy(), fold.claims[tensor].shift.copy()
    at = draw.integer(0, scale.size - 1)
    scale.reshape(-1)[at] *= draw.one(1.0, 1.0, 1.001, -1.0, 0.0)
    shift.reshape(-1)[at] += draw.one(0.0, 1e-3, 1.0)
    stored = draw.one(fold.claims[tensor].stored, *(name for node in fold.folded.graph.node for name in node.output))
    fold.claim(tensor, scale=scale, shift=shift, stored=stored)


CHANGES: list[Callable[[Fold, Draw], None]] = [weight, weight, attribute, operator, wire, claim]


@given(networks(), st.data())
@settings(max_examples=150)
def test_what_is_accepted_computes_the_same(drawn: tuple[Net, list[str]], data: st.DataObject) -> None:
    net, outputs = drawn
    assume(net.dtype == np.float32)
    choose = Draw(data.draw)

    def change(fold: Fold) -> None:
        for _ in range(choose.integer(1, 2)):
            choose.one(*CHANGES)(fold, choose)

    assert_sound(Fold.of(net.model(*outputs)), net, change, seeds=(1, 2))
