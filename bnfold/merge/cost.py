"""What operators cost: the measure by which a merge is accepted or refused.

Multiply-adds per sample are elements of the result x taps x input channels a group. An element that is only added,
scaled, moved or pooled counts as one multiply-add for each that is read. An extent that is not known counts as 1, which
never makes a merged operator look cheaper than it is, because it computes no more outputs than what it replaces.
"""

from __future__ import annotations

import math

from bnfold.merge.plan import Cost
from bnfold.merge.terms import LAYERS, Term
from bnfold.merge.window import Window
from bnfold.network import Node, Tensor


def layer_cost(y: Tensor, window: Window) -> Cost:
    """The cost of a Conv, Gemm or MatMul that writes `y`."""
    taps = math.prod(window.kernel) * window.inputs // window.groups
    return Cost(_elements(y) * taps, math.prod(window.weight_shape))


def node_cost(node: Node, term: Term | None) -> Cost:
    """The cost of a linear operator, or of a sum (which is no linear map of one tensor)."""
    y = node.outputs[0]
    assert y is not None
    if term is not None and node.op in LAYERS:
        assert term.window is not None
        return layer_cost(y, term.window)
    if term is None:
        return Cost(_elements(y) * len(node.inputs), 0)
    taps = math.prod(term.window.kernel) if term.window is not None and node.op == "AveragePool" else 1
    stored = 0 if term.window is None or node.op in ("AveragePool", "Pad") else term.window.outputs
    return Cost(_elements(y) * taps, stored)


def _elements(y: Tensor) -> int:
    return math.prod(dim for dim in (y.shape or ())[1:] if isinstance(dim, int))
