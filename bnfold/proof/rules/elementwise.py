"""What elementwise operators and products of tensors pass on."""

from __future__ import annotations

import numpy as np

from bnfold.proof.core.units import EPS, WIDE, Array, Units, close, demand, half_ulp, no_shift, positive, same
from bnfold.proof.reading import movement
from bnfold.proof.rules.pair import Pair, opaque
from bnfold.proof.rules.settings import same_settings


def stored_in(values: tuple[Array, Array], units: Units) -> None:
    """Demand that a constant K is stored in these units: K = S * K' + T, rounded once."""
    value, stored = (np.asarray(array, WIDE) for array in values)
    scaled = units.scale * stored
    slack = np.abs(units.scale) * half_ulp(values[1]) + EPS * (np.abs(value) + np.abs(scaled) + np.abs(units.shift))
    demand((np.abs(value - scaled - units.shift) <= slack).all(), "a constant operand is not stored in these units")


def homogeneous(pair: Pair) -> None:
    """f(S x) = S f(x) for S > 0: Relu, LeakyRelu, Abs, PRelu."""
    x = pair.x()
    same_settings(pair, 1)
    same(pair.y, x)
    positive(x)
    no_shift(x)
    no_shift(pair.y)


def clip(pair: Pair) -> None:
    """Clip(min = 0) with no upper bound but the largest number is homogeneous; any other needs original units."""
    low, high = (movement.setting(pair.original, pair.node, index, name) for index, name in ((1, "min"), (2, "max")))
    unbounded = high is None or bool((high >= np.finfo(np.float32).max).all())
    if low is not None and not low.any() and unbounded:
        homogeneous(pair)
    else:
        opaque(pair)


def add(pair: Pair) -> None:
    """Add, Sub, Sum: one scale for all; shifts and constants add up."""
    total = size = stored = room = np.zeros((), WIDE)
    for index, x, values in pair.operands():
        sign = -1 if index and pair.node.op == "Sub" else 1
        if x is None:
            value, other = (np.asarray(array, WIDE) for array in values)
            total, size, stored = total + sign * value, size + np.abs(value), stored + sign * other
            room = room + half_ulp(values[1])
        else:
            demand(close(x.scale, pair.y.scale), "the scales of what it adds do not agree")
            total, size = total + sign * x.shift, size + np.abs(x.shift)
    scaled, shift = pair.y.scale * stored, pair.y.shift
    slack = np.abs(pair.y.scale) * room + EPS * (size + np.abs(scaled) + np.abs(shift))
    demand((np.abs(total - scaled - shift) <= slack).all(), "the shifts of what it adds do not add up")


def multiply(pair: Pair) -> None:
    """Mul, Div of tensors: the scales multiply or divide, without shifts; a constant takes up what is left."""
    scale = np.ones((), WIDE)
    constants = []
    for index, x, values in pair.operands():
        divides = pair.node.op == "Div" and index == 1
        if x is None:
            demand(not divides, "it divides by a constant")
            constants.append(values)
            continue
        no_shift(x)
        demand(not divides or (x.scale != 0).all(), "it divides by what has no scale")
        scale = scale / x.scale if divides else scale * x.scale
    no_shift(pair.y)
    if not constants:
        demand(close(scale, pair.y.scale), "the scales of what it multiplies do not agree")
        return
    demand(len(constants) == 1 and (scale != 0).all(), "it multiplies by what has no scale")
    stored_in(constants[0], Units.of(pair.y.scale / scale, 0))


def matmul(pair: Pair) -> None:
    """MatMul of two tensors: the scales multiply, without shifts, and do not vary along the contracted axis."""
    if any(name in pair.original.constants for name in pair.node.inputs):
        opaque(pair)
        return
    left, right = pair.x(0), pair.x(1)
    demand(min(left.scale.ndim, right.scale.ndim) >= 2, "it contracts vectors")
    left, right = left.along(range(left.scale.ndim - 1)), right.along((*range(right.scale.ndim - 2), -1))
    for units in (left, right, pair.y):
        no_shift(units)
    demand(close(left.scale * right.scale, pair.y.scale), "the scales of what it multiplies do not agree")


def extremum(pair: Pair) -> None:
    """Max, Min: equal units for all, constants included, and a positive scale."""
    positive(pair.y)
    for _, x, values in pair.operands():
        if x is None:
            stored_in(values, pair.y)
        else:
            same(pair.y, x)
