"""What a per-channel affine operator computes: y = a * x + b, read from its parameters.

Those are BatchNormalization in inference mode, and Add, Sub, Mul and Div with a constant operand.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bnfold.affine import Affine
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


def trains(node: Node) -> bool:
    """Whether a BatchNormalization computes statistics of the batch."""
    attributes = node.attributes
    if node.version < 7:
        return not attributes.get("is_test", 0)
    if node.version < 14:
        return any(output is not None for output in node.outputs[1:])
    return bool(attributes.get("training_mode", 0))


def _keeps_shape(x: Tensor, constant: tuple[int, ...]) -> bool:
    """Whether broadcasting x with a constant of this shape, as stored, gives the shape of x."""
    assert x.shape is not None
    rank = len(constant)
    if rank > len(x.shape):
        return False
    return all(extent == 1 or x.extent(axis - rank) == extent for axis, extent in enumerate(constant))
