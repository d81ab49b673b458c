"""Elementwise functions f with f(s * x) = s * f(x) for every s > 0: they pass a positive scale and no shift."""

from __future__ import annotations

import numpy as np

from bnfold.gauge.units import Units
from bnfold.network import Node, OpaqueError


def homogeneous(node: Node, units: Units) -> None:
    """Relu, LeakyRelu (any alpha), Abs."""
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    assert y is not None
    gauge = units.of(x)
    units.positive(units.demand(node, "passes only a positive scale"), gauge)
    units.no_shift(units.demand(node, "passes no shift"), gauge)
    units.gauges[y.name] = gauge


def prelu(node: Node, units: Units) -> None:
    """PRelu with a constant slope."""
    slope = node.input(1)
    if slope is None or slope.constant is None:
        raise OpaqueError
    homogeneous(node, units)


def clip(node: Node, units: Units) -> None:
    """Clip(min=0) without an upper bound is a Relu."""
    if limits(node) != (0.0, np.inf):
        raise OpaqueError
    homogeneous(node, units)


def limits(node: Node) -> tuple[float, float]:
    """The bounds of a Relu or Clip, infinite where there is none or none that a float32 could pass.

    Raises:
        OpaqueError: a bound is computed at run time.
    """
    if node.op == "Relu":
        return 0.0, np.inf
    given = (node.parameter(1, "min"), node.parameter(2, "max"))
    ends = zip(given, (-np.inf, np.inf), strict=True)
    low, high = (end if bound is None else float(bound.item()) for bound, end in ends)
    largest = float(np.finfo(np.float32).max)
    return -np.inf if low <= -largest else low, np.inf if high >= largest else high
