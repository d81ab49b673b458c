"""What a tensor is in terms of an earlier one: an affine map of it.

Any chain of affine operators is one affine map y = a * x + b, so a chain in the original can be compared with another
chain, or none, in the folded model. Every form carries how far its numbers may be from exact because they were rounded
when they were stored; the original's numbers are exact by definition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bnfold.proof.core.units import WIDE, Array, UnprovedError
from bnfold.proof.reading import movement
from bnfold.proof.reading.expressions import is_float
from bnfold.proof.reading.network import Network
from bnfold.proof.reading.node import Node
from bnfold.proof.reading.order import ORDERED, keeps_order, restored, returned
from bnfold.proof.reading.shapes import Shape

_DEFAULT_EPSILON = float(np.float32(1e-5))


@dataclass(frozen=True)
class Affine:
    """y = scale * x + shift, as arrays that broadcast against the result.

    Attributes:
        scale, shift: the coefficients.
        magnitude: the sum of the absolute values that `shift` was summed from.
        scale_error, shift_error: what they may be off because constants were rounded when they were stored.
        shape: of all constants that may make the tensor larger, broadcast, as they are stored.
    """

    scale: Array
    shift: Array
    magnitude: Array
    scale_error: Array
    shift_error: Array
    shape: tuple[int, ...] = ()

    @staticmethod
    def of(scale: Any, shift: Any, scale_error: Any, shift_error: Any, shape: tuple[int, ...] = ()) -> Affine:
        """The map with these coefficients."""
        a, b, da, db = (np.asarray(array, WIDE) for array in (scale, shift, scale_error, shift_error))
        return Affine(a, b, np.abs(b), da, db, shape)

    def map(self, move: Callable[[Array], Array]) -> Affine:
        """The map after a rearrangement of its elements."""
        a, b, size, da, db = self.scale, self.shift, self.magnitude, self.scale_error, self.shift_error
        return Affine(move(a), move(b), move(size), move(da), move(db), self.shape)

    def after(self, first: Affine) -> Affine:
        """The map that applies `first` and then this one."""
        size = np.abs(self.scale)
        return Affine(
            self.scale * first.scale,
            self.scale * first.shift + self.shift,
            size * first.magnitude + self.magnitude,
            size * first.scale_error + self.scale_error * np.abs(first.scale),
            size * first.shift_error + self.scale_error * np.abs(first.shift) + self.shift_error,
            np.broadcast_shapes(self.shape, first.shape),
        )


IDENTITY = Affine.of(1, 0, 0, 0)


def chain(network: Network, tensor: str) -> Iterator[tuple[str, Affine]]:
    """Every tensor of which `tensor` is an affine function, the nearest first, beginning with itself."""
    form = IDENTITY
    yield tensor, form
    while tensor in network.writer:
        node, index = network.writer[tensor]
        step = affine_step(network, node) if index == 0 else None
        if step is None:
            return
        tensor, form = step[0], form.after(step[1])
        yield tensor, form


def affine_step(network: Network, node: Node) -> tuple[str, Affine] | None:
    """The tensor that a node reads and the affine map it applies; None if it does something else."""
    if node.op in ("Identity", "Dropout", "Cast", "CastLike", "Expand"):
        return (node.inputs[0], IDENTITY) if _passes(network, node) else None
    if node.op == "Neg":
        return node.inputs[0], Affine.of(-1, 0, 0, 0)
    if node.op == "BatchNormalization":
        return _normalization(network, node)
    if node.op == "Conv":
        return _pointwise(network, node)
    if node.op == "Transpose" or node.op in ORDERED:
        return _round_trip(network, node)
    return _arithmetic(network, node) if node.op in ("Add", "Sub", "Mul", "Div") else None


def constants_of(network: Network, tensor: str) -> tuple[str, str]:
    """The constants that hold the scale and the shift of the affine operator that writes a tensor; empty without."""
    node = network.writer[tensor][0]
    if node.op in ("BatchNormalization", "Conv"):
        return node.input(1), node.input(2)
    constant = next((name for name in node.inputs if name in network.constants), "")
    return (constant, "") if node.op in ("Mul", "Div") else ("", constant)


def _passes(network: Network, node: Node) -> bool:
    """Whether a node returns its first input as it is."""
    x, y = node.inputs[0], node.outputs[0]
    if node.op in ("Cast", "CastLike"):
        return network.type(x) == network.type(y) != 0
    if node.op == "Expand":
        shape = network.shape(x)
        return shape is not None and None not in shape and shape == network.shape(y)
    if node.op == "Dropout":
        training = network.constants.get(node.input(2))
        off = not node.input(2) or (training is not None and not training.any())
        return off and (network.opset >= 7 or bool(node.attributes.get("is_test", 0)))
    return True


def trains(network: Network, node: Node) -> bool:
    """Whether a BatchNormalization computes statistics of the batch."""
    if network.opset < 7:
        return not node.attributes.get("is_test", 0)
    if network.opset < 14:
        return len(node.outputs) > 1
    return bool(node.attributes.get("training_mode", 0))


def _normalization(network: Network, node: Node) -> tuple[str, Affine] | None:
    """The map gamma * (x - mean) / sqrt(variance + epsilon) + beta along axis 1."""
    shape = network.shape(node.inputs[0])
    names = node.inputs[1:5]
    parameters = [network.constants.get(name) for name in names]
    if trains(network, node) or not shape or (network.opset < 9 and node.attributes.get("spatial", 1) == 0):
        return None
    if len(parameters) < 4 or any(p is None or not is_float(p) or p.ndim != 1 for p in parameters):
        return None
    axes = (1, -1, *(1,) * (len(shape) - 2)) if len(shape) > 1 else (-1,)
    gamma, beta, mean, variance = (np.asarray(p, WIDE).reshape(axes) for p in parameters)
    with np.errstate(all="ignore"):
        deviation = np.sqrt(variance + WIDE(node.attributes.get("epsilon", _DEFAULT_EPSILON)))
        scale = gamma / deviation
        magnitude = np.abs(beta) + np.abs(scale * mean)
        steps = [network.room(name).reshape(axes) for name in names[:2]]
        error = steps[0] / deviation
        form = Affine(scale, beta - scale * mean, magnitude, error, steps[1] + error * np.abs(mean))
    return _finite(node.inputs[0], form)


def _arithmetic(network: Network, node: Node) -> tuple[str, Affine] | None:
    """Add, Sub, Mul, Div of a tensor and a constant of any shape; not c / x."""
    values = [network.constants.get(name) for name in node.inputs]
    if len(values) != 2 or (values[0] is None) == (values[1] is None) or node.attributes.get("broadcast"):
        return None
    first = values[0] is not None
    stored = values[0] if values[0] is not None else values[1]
    assert stored is not None
    if not is_float(stored) or (first and node.op == "Div"):
        return None
    value, error = np.asarray(stored, WIDE), network.room(node.inputs[0 if first else 1])
    one = np.ones_like(value)
    with np.errstate(all="ignore"):
        form = {
            "Add": lambda: Affine.of(one, value, 0, error, stored.shape),
            "Sub": lambda: Affine.of(-one if first else one, value if first else -value, 0, error, stored.shape),
            "Mul": lambda: Affine.of(value, 0, error, 0, stored.shape),
            "Div": lambda: Affine.of(1 / value, 0, error / (value * value), 0, stored.shape),
        }[node.op]()
    return _finite(node.inputs[1 if first else 0], form)


def _pointwise(network: Network, node: Node) -> tuple[str, Affine] | None:
    """A depthwise convolution with kernel extent 1: one factor and one summand per channel."""
    weight, bias = network.constants.get(node.inputs[1]), network.constants.get(node.input(2))
    attributes = node.attributes
    if weight is None or (node.input(2) and bias is None) or weight.size != weight.shape[0]:
        return None
    moves = [*attributes.get("pads", ()), *(stride - 1 for stride in attributes.get("strides", ()))]
    if attributes.get("group", 1) != weight.shape[0] or any(moves) or weight.ndim < 3:
        return None
    axes = (1, -1, *(1,) * (weight.ndim - 2))
    offset, error = (
        (0, 0) if bias is None else (np.asarray(bias, WIDE).reshape(axes), network.room(node.input(2)).reshape(axes))
    )
    room = network.room(node.inputs[1])
    form = Affine.of(np.asarray(weight, WIDE).reshape(axes), offset, room.reshape(axes), error)
    return _finite(node.inputs[0], form)


def _round_trip(network: Network, node: Node) -> tuple[str, Affine] | None:
    """What lies between operators that leave elements in order, or Transposes, and ends in the shape it began in."""
    came = returned(network, node)
    if came is not None:
        return came, IDENTITY
    tensor, form, y = node.inputs[0], IDENTITY, network.shape(node.outputs[0])
    ordered = keeps_order(network, node)
    while tensor in network.writer:
        first, index = network.writer[tensor]
        if ordered and keeps_order(network, first):
            moved = _before(network, first, form)
            if moved is None or restored(moved[1], y):
                return None if moved is None else (first.inputs[0], moved[0])
            tensor, form = first.inputs[0], moved[0]
            continue
        if first.op == node.op == "Transpose":
            return _turned_back(network, first, node, form)
        step = affine_step(network, first) if index == 0 else None
        if step is None:
            break
        tensor, form = step[0], form.after(step[1])
    return None


def _before(network: Network, node: Node, form: Affine) -> tuple[Affine, Shape] | None:
    """A map of what a node writes that leaves elements in order, as a map of what it reads, and the shape of that."""
    x, y = network.shape(node.inputs[0]), network.shape(node.outputs[0])
    if x is None or y is None or not _as_large(form.shape, y):
        return None
    try:
        moved = form.map(lambda array: movement.reshaped(_ranked(array, len(y)), y, x))
    except UnprovedError:
        return None
    return replace(moved, shape=()), x


def _turned_back(network: Network, first: Node, last: Node, form: Affine) -> tuple[str, Affine] | None:
    """A map between two Transposes that undo each other."""
    inner = network.shape(first.outputs[0])
    if inner is None or not _as_large(form.shape, inner):
        return None
    there, back = (list(node.attributes.get("perm") or range(len(inner))[::-1]) for node in (first, last))
    if [there[axis] for axis in back] != list(range(len(inner))):
        return None
    return first.inputs[0], replace(form.map(lambda array: _ranked(array, len(inner)).transpose(back)), shape=())


def _ranked(array: Array, rank: int) -> Array:
    return array.reshape((1,) * (rank - array.ndim) + array.shape)


def _as_large(constants: tuple[int, ...], x: Shape) -> bool:
    """Whether constants of these extents leave a tensor as large as it is."""
    behind = x[len(x) - len(constants) :]
    return len(constants) <= len(x) and all(m in (1, extent) for m, extent in zip(constants, behind, strict=True))


def _finite(tensor: str, form: Affine) -> tuple[str, Affine] | None:
    finite = np.isfinite(form.scale).all() and np.isfinite(form.shift).all()
    return (tensor, form) if finite else None


def same_growth(x: Shape | None, a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether a tensor of shape `x` broadcast with constants of shape `a` is as large as with those of shape `b`."""
    rank = max(len(a), len(b)) if x is None else max(len(a), len(b), len(x))
    if x is None and len(a) != len(b):
        return False
    if x is not None and len(x) < rank and len(a) != len(b):
        return False
    known = (None,) * rank if x is None else (1,) * (rank - len(x)) + tuple(x)
    for extent, m, n in zip(known, *((1,) * (rank - len(k)) + k for k in (a, b)), strict=True):
        if m != n and not (extent == max(m, n) and min(m, n) == 1):
            return False
    return True
