"""What operators that move, join, cut and pad tensors pass on."""

from __future__ import annotations

import numpy as np

from bnfold.proof.core.units import Units, UnprovedError, demand, no_shift, same
from bnfold.proof.reading import movement
from bnfold.proof.rules.elementwise import stored_in
from bnfold.proof.rules.pair import Pair, Rule, opaque, same_call
from bnfold.proof.rules.settings import same_settings


def concat(pair: Pair) -> None:
    """Concat: every part has the units that the output has there."""
    rank, start = pair.rank(), 0
    axis = int(pair.node.attributes["axis"]) % rank
    y = pair.y.ranked(rank)
    varies = y.scale.shape[axis] > 1
    for index, x, values in pair.operands():
        here = y
        if varies:
            extent = movement.shape_of(pair.original, pair.node.inputs[index])[axis]
            if not isinstance(extent, int):
                raise UnprovedError("where its parts lie is not known")
            here, start = _cut(y, axis, start, start + extent), start + extent
        if x is None:
            stored_in(values, here)
        else:
            same(here, x)


def _cut(units: Units, axis: int, start: int, stop: int) -> Units:
    return units.map(lambda array: array[(slice(None),) * axis + (slice(start, stop),)])


def part(pair: Pair) -> None:
    """One part of a Split, or of a SplitToSequence of which single parts are read."""
    here, there = movement.part(pair.original, pair.tensor), movement.part(pair.folded, pair.stored)
    if here is None or there is None:
        same_call(pair)
        opaque(pair)
        return
    demand(here[1:] == there[1:], "it cuts at other places")
    x, (_, axis, start, stop) = pair.units(here[0], there[0]), here
    varies = x.scale.ndim > axis and x.scale.shape[axis] > 1
    same(pair.y, _cut(x, axis, start, stop) if varies else x)


def moves(move: movement.Move) -> Rule:
    """The rule of an operator that moves elements, from the function that moves their units."""

    def rule(pair: Pair) -> None:
        same_settings(pair, 1)
        movement.shape_of(pair.original, pair.node.inputs[0])
        same(pair.y, pair.x().map(lambda array: move(pair.original, pair.node, array)))

    return rule


def reshape(pair: Pair) -> None:
    """Reshape, Flatten, Squeeze, Unsqueeze, Expand: to the same target, or to targets that give the same shape."""
    try:
        same_settings(pair, 1)
    except UnprovedError:
        a, b = movement.shape_of(pair.original, pair.tensor), movement.shape_of(pair.folded, pair.stored)
        plain = [tuple(extent if isinstance(extent, int) else -1 for extent in extents) for extents in (a, b)]
        known = plain[0] == plain[1] and plain[0].count(-1) <= (pair.node.op == "Reshape") and 0 not in plain[0]
        demand(known, "the shape that it makes is not known to be the same")
    move = movement.expand if pair.node.op == "Expand" else movement.reshape
    movement.shape_of(pair.original, pair.node.inputs[0])
    same(pair.y, pair.x().map(lambda array: move(pair.original, pair.node, array)))


def pad(pair: Pair) -> None:
    """Pad: zeros beside a channel forbid its shift; new channels of zeros have any scale and no shift."""
    same_settings(pair, 1)
    node, network = pair.node, pair.original
    rank = len(movement.shape_of(network, node.inputs[0]))
    x, y = pair.x(), pair.y.ranked(rank)
    if node.attributes.get("mode", "constant") != "constant":
        same(y, x.map(lambda array: movement.pad(network, node, array)))
        return
    before, after = (np.asarray(counts) for counts in movement.pads(network, node, rank))
    value = movement.setting(network, node, 2, "value")
    grows = (before > 0) | (after > 0)
    demand(not grows.any() or value is None or not value.any(), "it pads with numbers other than 0")
    inside = y
    for axis in range(rank):
        x = _cropped(x, axis, int(before[axis]), int(after[axis]))
        if y.scale.shape[axis] > 1:
            head = max(0, int(before[axis]))
            extent = y.scale.shape[axis] - head - max(0, int(after[axis]))
            inside = _cut(inside, axis, head, head + extent)
    same(inside, x)
    if any(grows[axis] and y.scale.shape[axis] == 1 for axis in range(rank)):
        no_shift(y)
    new = np.ones(y.scale.shape, np.bool_)
    new[
        tuple(
            slice(max(0, int(b)), n - max(0, int(a))) if n > 1 else slice(None)
            for b, a, n in zip(before, after, y.scale.shape, strict=True)
        )
    ] = False
    demand((y.shift[new] == 0).all(), "a shift cannot pass the zeros that it adds")


def _cropped(units: Units, axis: int, before: int, after: int) -> Units:
    extent = units.scale.shape[axis]
    return units if extent == 1 else _cut(units, axis, max(0, -before), extent - max(0, -after))


def extents(pair: Pair) -> None:
    """Shape, Size: units do not matter, for a tensor and what stores it have the same shape."""
    pair.x()
    demand(pair.y.identical, "extents have no units")
