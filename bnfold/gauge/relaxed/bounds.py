"""Relu and Clip under any units: y' = min(max(x', low), high) with bounds of each channel's own.

With X = S x' + T on both sides, low <= X <= high means (low - T) / S <= x' <= (high - T) / S; a negative S swaps the
two. Bounds that are the same everywhere make a Clip, others a Max, a Min, or both. Where one of the two is missing in
some channels only, it is the largest finite number of the stored type there, which no finite value passes.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from bnfold.affine import Array
from bnfold.gauge import cost
from bnfold.gauge.rules.activation import limits
from bnfold.gauge.units import Units
from bnfold.network import Computed, Node, OpaqueError
from bnfold.plan import Form, Plan, Step

SINCE = 11
"""The operator set in which Clip takes its bounds as inputs; Max and Min broadcast since 8."""


def applies(node: Node) -> bool:
    """Whether the bounds are constant, and the type of the tensor is known."""
    x = node.inputs[0]
    try:
        low, high = limits(node)
    except OpaqueError:
        return False
    return x is not None and x.floating and x.dtype is not None and node.version >= SINCE and low < high


def rule(node: Node, units: Units) -> None:
    """Equal units. The wish: a positive scale without shift for a Relu; for any other Clip the original units."""
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    assert y is not None
    gauge = units.gauges[y.name] = units.of(x)
    with units.wish(node):
        if limits(node) == (0.0, np.inf):
            units.positive(units.demand(node, "passes only a positive scale"), gauge)
            units.no_shift(units.demand(node, "passes no shift"), gauge)
        else:
            units.original(units.demand(node, "has bounds"), gauge)


def form(node: Node, plan: Plan) -> tuple[Form, int]:
    """A Clip, or a Max and a Min."""
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    assert x.dtype is not None
    assert y is not None
    unit, (low, high) = plan.unit(y.name), limits(node)
    ends = [np.where(np.isinf(end), end * np.sign(unit.gain), unit.gain * end + unit.offset) for end in (low, high)]
    lower, upper = (_finite(bound, x.dtype) for bound in (np.minimum(*ends), np.maximum(*ends)))
    if all(bound is None or np.ptp(bound) == 0 for bound in (lower, upper)):
        bounds = enumerate((lower, upper), 1)
        constants = {
            index: Computed.of(bound.reshape(-1)[:1].reshape(())) for index, bound in bounds if bound is not None
        }
        return (Step("Clip", constants),), 0
    steps = tuple(
        Step(op, {1: Computed.of(bound)}) for op, bound in (("Max", lower), ("Min", upper)) if bound is not None
    )
    return steps, len(steps) * cost.elementwise(y)


def _finite(bound: Array, dtype: np.dtype[Any]) -> Array | None:
    """Infinite bounds as the largest finite number; None if there is no other."""
    if np.isinf(bound).all():
        return None
    largest = float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]
    return np.clip(bound, -largest, largest)
