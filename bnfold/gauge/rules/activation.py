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
    low, high = node.parameter(1, "min"), node.parameter(2, "max")
    unbounded = high is None or bool(np.all(high >= np.finfo(np.float32).max))
    if low is None or np.any(low != 0) or not unbounded:
        raise OpaqueError
    homogeneous(node, units)
