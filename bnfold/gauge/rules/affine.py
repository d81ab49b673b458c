"""The operators this project removes: y = a * x + b per channel.

Removed, its input and output are one stored tensor, so S_y = a S_x and T_y = a T_x + b. Kept, it is rewritten:
a' = gain_y * a * S_x and b' = gain_y * (a T_x + b) + offset_y, as far as its constants have room for that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bnfold.affine import Affine
from bnfold.gauge.equations import Ids
from bnfold.gauge.requirements import Requirements
from bnfold.gauge.units import Candidate, Statistics, Units
from bnfold.network import Node, OpaqueError, Tensor
from bnfold.plan import Code

T = TypeVar("T", bound=np.generic)

DEFAULT_EPSILON = float(np.float32(1e-5))
OPERATORS = frozenset({"BatchNormalization", "Add", "Sub", "Mul", "Div"})


class RefusedError(OpaqueError):
    """The operator stays whatever its neighbours are, and keeps the units around it as they are."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code


def constant_operand(node: Node) -> tuple[Tensor, NDArray[np.generic]] | None:
    """For Add, Sub, Mul, Div with one constant operand: the other operand, and the constant.

    The constant has extent 1 along every axis along which its values do not change. None for c / x and for operands
    that are not floating-point, or that opset 6 and older align along an axis of their own.
    """
    left, right = node.inputs[0], node.input(1)
    if node.attributes.get("broadcast"):
        return None
    if left is None or right is None or not (left.floating and right.floating):
        return None
    if (left.constant is None) == (right.constant is None):
        return None
    if node.op == "Div" and right.constant is None:
        return None
    x, constant = (left, right) if left.constant is None else (right, left)
    value = constant.value()
    assert value is not None
    return x, compressed(value)


def compressed(value: NDArray[T]) -> NDArray[T]:
    """The array with extent 1 along every axis along which it does not vary."""
    for axis, extent in enumerate(value.shape):
        if extent > 1:
            first = np.take(value, [0], axis=axis)
            if (value == first).all():
                value = first
    return value


def elements(node: Node) -> int | None:
    """How many constants the operator has if it is a per-channel affine one: 1 for a scalar; None if it is not."""
    if node.op == "BatchNormalization":
        return 2
    if node.op not in OPERATORS:
        return None
    operand = constant_operand(node)
    if operand is None:
        return None
    _, value = operand
    if sum(extent > 1 for extent in value.shape) > 1:
        return None
    raw = [tensor.constant.shape for tensor in node.inputs if tensor is not None and tensor.constant is not None]
    return int(np.prod([int(extent) for extent in raw[0]], dtype=np.int64))


def affine_of(node: Node) -> Affine:
    """The map y = a * x + b that a per-channel affine operator computes, of the rank of its input.

    Raises:
        RefusedError: it computes something else, or its parameters do not allow to fold it.
        OpaqueError: it is no per-channel affine operator.
    """
    return _normalization(node) if node.op == "BatchNormalization" else _arithmetic(node)


def _normalization(node: Node) -> Affine:
    x, attributes = node.inputs[0], node.attributes
    assert x is not None
    if trains(node):
        raise RefusedError(Code.TRAINING)
    if any(tensor is not None and tensor.overridable for tensor in node.inputs):
        raise RefusedError(Code.OVERRIDABLE)
    values = [tensor.value() if tensor is not None else None for tensor in node.inputs[1:5]]
    per_element = node.version < 9 and attributes.get("spatial", 1) == 0
    if per_element or not x.shape or len(values) < 4 or any(value is None for value in values):
        raise RefusedError(Code.NOT_CONSTANT)
    gamma, beta, mean, variance = (np.asarray(value, np.float64) for value in values)
    epsilon = float(attributes.get("epsilon", DEFAULT_EPSILON))
    affine = Affine.batch_norm(gamma, beta, mean, variance, epsilon)
    if not affine.finite.all():
        raise RefusedError(Code.NONFINITE)
    rank = len(x.shape)
    return affine.aligned(rank, min(1, rank - 1))


def _arithmetic(node: Node) -> Affine:
    operand = constant_operand(node)
    if operand is None or elements(node) is None:
        raise OpaqueError
    x, constant = operand
    stored = next(t.constant.shape for t in node.inputs if t is not None and t.constant is not None)
    if x.shape is None or not _keeps_shape(x, tuple(int(extent) for extent in stored)):
        raise RefusedError(Code.SHAPE)
    value = np.asarray(constant, np.float64)
    value = value.reshape((1,) * (len(x.shape) - value.ndim) + value.shape)
    first = node.inputs[0]
    constant_first = first is not None and first.constant is not None
    with np.errstate(divide="ignore"):
        affine = {
            "Add": lambda: Affine.of(1.0, value),
            "Sub": lambda: Affine.of(-1.0, value) if constant_first else Affine.of(1.0, -value),
            "Mul": lambda: Affine.of(value, 0.0),
            "Div": lambda: Affine.of(1.0 / value, 0.0),
        }[node.op]()
    if not affine.finite.all():
        raise RefusedError(Code.NONFINITE)
    return affine


def batch_normalization(node: Node, units: Units) -> None:
    """BatchNormalization in inference mode; its channels lie on axis 1 (a rank-1 input has one channel)."""
    affine = affine_of(node)
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    assert y is not None
    parameters = [tensor.value() for tensor in node.inputs[1:5] if tensor is not None]
    gamma, beta, mean, variance = (np.asarray(parameter, np.float64) for parameter in parameters)
    shape = affine.scale.shape
    axes = (1,) if len(shape) > 1 else ()
    gauge = units.along(units.demand(node, "works per channel"), units.of(x), *axes)
    units.statistics[x.name] = Statistics(mean.reshape(shape), np.sqrt(np.abs(variance)).reshape(shape))
    units.statistics[y.name] = Statistics(beta.reshape(shape), np.abs(gamma).reshape(shape))
    units.gauges[y.name] = units.fresh(shape, free=True)
    units.candidates.append(candidate(node, units, x, y, gauge, affine, keepable=True))


def trains(node: Node) -> bool:
    """Whether a BatchNormalization computes statistics of the batch."""
    attributes = node.attributes
    if node.version < 7:
        return not attributes.get("is_test", 0)
    if node.version < 14:
        return any(output is not None for output in node.outputs[1:])
    return bool(attributes.get("training_mode", 0))


def arithmetic(node: Node, units: Units) -> None:
    """Add, Sub, Mul, Div with a constant operand."""
    affine = affine_of(node)
    x = next(tensor for tensor in node.inputs if tensor is not None and tensor.constant is None)
    y = node.outputs[0]
    assert y is not None
    gauge = units.of(x)
    shape = np.broadcast_shapes(gauge.shape, affine.scale.shape)
    fits = affine.scale.size == 1 or shape == affine.scale.shape
    units.gauges[y.name] = out = units.fresh(shape, free=True)
    kept = None
    if node.op == "Sub" and node.inputs[0] is not x:  # removed it needs S_y = -S_x, kept S_y = S_x
        origin = units.demand(node, "subtracts from a constant, which keeps the size of the scale")
        units.structure.size(origin, out, gauge)
        kept = Requirements()
        kept.scale(origin, out, [gauge])
    elif node.op in ("Add", "Sub"):
        origin = units.demand(node, "adds a constant, which keeps the scale")
        units.structure.scale(origin, out, [gauge], affine.scale)
    elif fits:
        origin = units.demand(node, "multiplies the shift with its constant")
        units.structure.shift(origin, out, [(affine.scale, gauge)])
    units.candidates.append(replace(candidate(node, units, x, y, gauge, affine, keepable=fits), kept=kept))


def _keeps_shape(x: Tensor, constant: tuple[int, ...]) -> bool:
    """Whether broadcasting x with a constant of this shape, as stored, gives the shape of x."""
    assert x.shape is not None
    rank = len(constant)
    if rank > len(x.shape):
        return False
    return all(extent == 1 or x.extent(axis - rank) == extent for axis, extent in enumerate(constant))


def candidate(
    node: Node, units: Units, x: Tensor, y: Tensor, gauge: Ids, affine: Affine, *, keepable: bool
) -> Candidate:
    """What removing this map from x, of these units, to y, whose units are known, demands."""
    out = result = units.of(y)
    dead = affine.scale == 0
    requirements = Requirements()
    origin = units.demand(node, "is removed too", removal=True)
    source, scale, shift, size = gauge, affine.scale, affine.shift, affine.magnitude
    if dead.any():
        alive = np.broadcast_to(~dead, out.shape)
        result = out[alive]
        source, scale, shift, size = (np.broadcast_to(part, out.shape)[alive] for part in (source, scale, shift, size))
    requirements.scale(origin, result, [source], scale)
    requirements.shift(origin, result, [(scale, source)], shift, size)
    return Candidate(node, x, y, gauge, out, affine, dead, keepable, requirements)
