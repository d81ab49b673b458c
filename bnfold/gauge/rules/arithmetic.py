"""Add, Sub, Sum and Mul of activations; with a constant operand they are affine operators."""

from __future__ import annotations

import numpy as np

from bnfold.gauge.rules import affine
from bnfold.gauge.units import Units
from bnfold.network import Node, OpaqueError, Tensor


def _operands(node: Node) -> tuple[list[Tensor], Tensor]:
    y = node.outputs[0]
    xs = [tensor for tensor in node.inputs if tensor is not None]
    if y is None or any(tensor.shape is None for tensor in xs):
        raise OpaqueError
    return xs, y


def add(node: Node, units: Units) -> None:
    """Add, Sub, Sum: one scale for all; the shifts add up."""
    if node.op != "Sum" and affine.constant_operand(node) is not None:
        affine.arithmetic(node, units)
        return
    xs, y = _operands(node)
    gauges = [units.of(x) for x in xs]
    total = units.fresh(np.broadcast_shapes(*(gauge.shape for gauge in gauges)))
    adds = units.demand(node, "adds tensors, which must have the same scale")
    for gauge in gauges:
        units.same_scale(adds, total, gauge)
    signs = [-1.0 if node.op == "Sub" and i else 1.0 for i in range(len(xs))]
    origin = units.demand(node, "adds tensors, and with them their shifts")
    units.structure.shift(origin, total, list(zip(signs, gauges, strict=True)))
    units.gauges[y.name] = total


def multiply(node: Node, units: Units) -> None:
    """Mul, Div: by a constant an affine operator; of activations the scales multiply (or divide), without shifts."""
    if affine.constant_operand(node) is not None:
        affine.arithmetic(node, units)
        return
    xs, y = _operands(node)
    if node.op == "Div":
        raise OpaqueError
    gauges = [units.of(x) for x in xs]
    product = units.fresh(np.broadcast_shapes(*(gauge.shape for gauge in gauges)))
    units.structure.scale(units.demand(node, "multiplies tensors, and with them their scales"), product, gauges)
    origin = units.demand(node, "multiplies tensors, which may have no shift")
    for gauge in (*gauges, product):
        units.no_shift(origin, gauge)
    units.gauges[y.name] = product
