"""Arithmetic between tensors; Add, Sub, Mul, Div with a per-channel constant operand are affine operators."""

from __future__ import annotations

import numpy as np

from bnfold.affine_operators import elements
from bnfold.gauge.equations import Ids
from bnfold.gauge.rules import affine
from bnfold.gauge.units import Units
from bnfold.network import Node, OpaqueError, Tensor


def _operands(node: Node) -> tuple[list[Tensor], Tensor]:
    y = node.outputs[0]
    xs = [tensor for tensor in node.inputs if tensor is not None]
    if y is None or any(tensor.shape is None for tensor in xs):
        raise OpaqueError
    return xs, y


def _gauges(node: Node, units: Units, xs: list[Tensor]) -> list[Ids]:
    """The gauges of the operands; a constant one has units of its own along the axes along which it has elements."""
    shape = np.broadcast_shapes(*(units.of(x).shape for x in xs))
    gauges = []
    for index, x in enumerate(xs):
        if x.constant is None or x.quantization is not None or not x.floating:
            gauges.append(units.of(x))
            continue
        extents = (1,) * (len(shape) - len(x.constant.shape)) + tuple(x.constant.shape)
        room = [extent if of > 1 else 1 for extent, of in zip(shape, extents, strict=True)]
        gauges.append(units.operand(node, index, room))
    return gauges


def add(node: Node, units: Units) -> None:
    """Add, Sub, Sum: one scale for all; the shifts add up."""
    if elements(node) is not None:
        affine.arithmetic(node, units)
        return
    xs, y = _operands(node)
    gauges = _gauges(node, units, xs)
    total = units.fresh(np.broadcast_shapes(*(gauge.shape for gauge in gauges)))
    adds = units.demand(node, "adds tensors, which must have the same scale")
    for gauge in gauges:
        units.same_scale(adds, total, gauge)
    signs = [-1.0 if node.op == "Sub" and i else 1.0 for i in range(len(xs))]
    origin = units.demand(node, "adds tensors, and with them their shifts")
    units.structure.shift(origin, total, list(zip(signs, gauges, strict=True)))
    units.gauges[y.name] = total


def multiply(node: Node, units: Units) -> None:
    """Mul, Div: by a constant an affine operator; of activations the scales multiply or divide, without shifts."""
    if elements(node) is not None:
        affine.arithmetic(node, units)
        return
    xs, y = _operands(node)
    gauges = _gauges(node, units, xs)
    result = units.fresh(np.broadcast_shapes(*(gauge.shape for gauge in gauges)))
    origin = units.demand(node, "multiplies or divides tensors, and with them their scales")
    if node.op == "Div":
        units.structure.scale(origin, gauges[0], [result, gauges[1]])
    else:
        units.structure.scale(origin, result, gauges)
    origin = units.demand(node, "multiplies or divides tensors, which may have no shift")
    for gauge in (*gauges, result):
        units.no_shift(origin, gauge)
    units.gauges[y.name] = result


def matrix_product(node: Node, units: Units) -> None:
    """MatMul of two tensors: the scales multiply, without shifts; along the contracted axis they must not vary."""
    (a, b), y = _operands(node)
    gauges = [units.of(a), units.of(b)]
    if min(gauge.ndim for gauge in gauges) < 2:
        raise OpaqueError
    contracts = units.demand(node, "contracts an axis, along which all must share their units")
    left = units.along(contracts, gauges[0], *range(gauges[0].ndim - 1))
    right = units.along(contracts, gauges[1], *(axis for axis in range(gauges[1].ndim) if axis != gauges[1].ndim - 2))
    result = units.fresh(np.broadcast_shapes(left.shape, right.shape))
    origin = units.demand(node, "multiplies tensors, and with them their scales")
    units.structure.scale(origin, result, [left, right])
    origin = units.demand(node, "multiplies tensors, which may have no shift")
    for gauge in (left, right, result):
        units.no_shift(origin, gauge)
    units.gauges[y.name] = result


def negate(node: Node, units: Units) -> None:
    """Neg: the scale stays, the shift changes its sign."""
    (x,), y = _operands(node)
    gauge = units.of(x)
    negative = units.fresh(gauge.shape)
    units.same_scale(units.demand(node, "keeps the scale"), negative, gauge)
    units.structure.shift(units.demand(node, "changes the sign of the shift"), negative, [(-1.0, gauge)])
    units.gauges[y.name] = negative


def extremum(node: Node, units: Units) -> None:
    """Max, Min of tensors: equal units, with a positive scale."""
    xs, y = _operands(node)
    gauges = _gauges(node, units, xs)
    result = units.fresh(np.broadcast_shapes(*(gauge.shape for gauge in gauges)))
    compares = units.demand(node, "compares tensors, which must have the same units")
    for gauge in gauges:
        units.same(compares, result, gauge)
    units.positive(units.demand(node, "takes a maximum, which only a positive scale keeps"), result)
    units.gauges[y.name] = result
