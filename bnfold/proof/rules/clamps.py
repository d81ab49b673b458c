"""Relu, Clip, Max and Min by constants, in any order: one interval that a tensor is clamped to.

With X = S x + T, clamping X to [L, H] is clamping x to [(L - T) / S, (H - T) / S], the other way round if S < 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bnfold.proof.core.units import EPS, WIDE, Array, Units, demand, half_ulp, same
from bnfold.proof.reading.expressions import is_float
from bnfold.proof.reading.network import Network
from bnfold.proof.reading.node import Node


@dataclass(frozen=True)
class Clamp:
    """A tensor clamped to an interval.

    Attributes:
        source: the tensor.
        low, high: the interval; infinite without a bound.
        room: how far the bounds may be from exact because they were rounded.
    """

    source: str
    low: Array
    high: Array
    room: Array


def clamps(network: Network, tensor: str) -> Iterator[Clamp]:
    """The operators that clamp on the way to a tensor, as one interval: of the last one, of the last two, and so on."""
    low, high = np.asarray(-np.inf, WIDE), np.asarray(np.inf, WIDE)
    room = np.zeros((), WIDE)
    while tensor in network.writer and (step := _bounds(network, network.writer[tensor][0])) is not None:
        tensor, least, most = step
        finite = [np.where(np.isfinite(bound), bound, 0).astype(bound.dtype) for bound in (least, most)]
        room = np.maximum(room, np.maximum(*(half_ulp(bound) for bound in finite)))
        low, high = (np.minimum(np.maximum(bound.astype(WIDE), low), high) for bound in (least, most))
        yield Clamp(tensor, low, high, room)


def _bounds(network: Network, node: Node) -> tuple[str, Array, Array] | None:
    """What a node clamps, and to what, in the stored type; None if it does something else."""
    nothing = np.asarray(np.inf, np.float32)
    if node.op == "Relu":
        return node.inputs[0], np.asarray(0, np.float32), nothing
    if node.op == "Clip":
        bounds = []
        for index, name in ((1, "min"), (2, "max")):
            value = network.constants.get(node.input(index))
            if node.input(index) and (value is None or not is_float(value)):
                return None
            value = np.asarray(node.attributes[name], np.float32) if name in node.attributes else value
            bounds.append((-nothing, nothing)[index - 1] if value is None else _unbounded(value))
        return node.inputs[0], bounds[0], bounds[1]
    if node.op not in ("Max", "Min") or len(node.inputs) != 2:
        return None
    values = [network.constants.get(name) for name in node.inputs]
    if (values[0] is None) == (values[1] is None):
        return None
    value = next(value for value in values if value is not None)
    if not is_float(value):
        return None
    x = node.inputs[0 if values[0] is None else 1]
    return (x, _unbounded(value), nothing) if node.op == "Max" else (x, -nothing, _unbounded(value))


def _unbounded(value: Array) -> Array:
    """The largest finite number of the type bounds nothing."""
    largest = np.finfo(value.dtype).max
    return np.where(np.abs(value) >= largest, np.copysign(np.inf, value), value).astype(value.dtype)


def same_clamp(ours: Clamp, theirs: Clamp, x: Units, y: Units) -> None:
    """Demand that two clamps do the same, in the units of what they read, which their results keep."""
    same(x, y)
    demand((x.scale != 0).all(), "a bound of a constant is none")
    rank = max(x.scale.ndim, 1)
    for name, clamp in (("original", ours), ("folded model", theirs)):
        grows = any(n not in (1, m) for n, m in zip(clamp.low.shape[::-1], x.scale.shape[::-1], strict=False))
        demand(not grows and clamp.low.ndim <= rank, f"a bound of the {name} changes the shape")
    with np.errstate(invalid="ignore"):
        ends = [x.scale * bound + x.shift for bound in (theirs.low, theirs.high)]
        low, high = np.minimum(*ends), np.maximum(*ends)
        for want, have in ((ours.low, low), (ours.high, high)):
            size = np.abs(np.where(np.isfinite(want), want, 0)) + np.abs(x.shift)
            gap = np.where(want == have, 0, np.abs(want - have))
            holds = gap <= np.abs(x.scale) * theirs.room + 2 * EPS * size
            demand(bool(holds.all()), "a bound is not what the original clamps to")
