"""Regions of the original that one layer of the folded model computes: branches that meet, and layers in a row.

Everything between a tensor x and a later one is composed to one map (see `composed`), whatever operators lie there.
Where an operator pads, it reads zeros that the operators in front did not compute. The composed map says the same only
if it adds no bias and all its reads lie outside x there; anything else is not proved.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from bnfold.proof.core.units import WIDE, Array, Units, demand
from bnfold.proof.maps.affine import affine_step
from bnfold.proof.maps.composed import (
    Composed,
    Layout,
    Offset,
    added,
    applied,
    negated,
    padded,
    product,
    scaled,
    summed,
)
from bnfold.proof.maps.layers import layer, meets_padding, padding
from bnfold.proof.reading import movement
from bnfold.proof.reading.network import Network
from bnfold.proof.reading.node import Node

_SUMS = ("Add", "Sub", "Sum")


def compose(network: Network, tensor: str, sources: Mapping[str, Units], layout: Layout) -> Composed:
    """A tensor of the original as a map of a tensor x of the folded model.

    Args:
        network: the original.
        tensor: the tensor.
        sources: the tensors that x stores, and their units in it.
        layout: x as the layer of the folded model sees it.

    Raises:
        UnprovedError: there is no such map, or it ends otherwise at the border.
    """
    maps: dict[str, Composed] = {}
    for name in _region(network, tensor, sources):
        if name in sources:
            maps[name] = _stored(sources[name], layout)
        else:
            maps[name] = _step(network, network.writer[name][0], maps, layout)
    return maps[tensor]


def _region(network: Network, tensor: str, sources: Mapping[str, Units]) -> list[str]:
    """All tensors between the sources and a tensor, both included, in the order in which they are written."""
    found, open_ = {tensor}, [tensor]
    while open_:
        name = open_.pop()
        if name in sources:
            continue
        node, index = network.writer.get(name, (None, 0))
        known = (
            node is not None and index == 0 and (node.op in _LINEAR or node.op in _SUMS or affine_step(network, node))
        )
        demand(bool(known), f"{name} is no linear function of {' and '.join(sources)}")
        assert node is not None
        for x in node.inputs:
            if x and x not in network.constants and x not in found:
                found.add(x)
                open_.append(x)
    order = {name: position for position, name in enumerate(network.writer)}
    return sorted(found, key=lambda name: order.get(name, -1))


def _stored(units: Units, layout: Layout) -> Composed:
    """A source: S x + T."""
    scale, shift = (layout.vector(array, layout.channels) for array in (units.scale, units.shift))
    here = (0,) * len(layout.extents)
    taps = {here: layout.numbers(scale.reshape(-1, 1, 1))}
    return Composed(taps, layout.numbers(shift), (1,) * len(here), here)


def _step(network: Network, node: Node, maps: Mapping[str, Composed], layout: Layout) -> Composed:
    """What a node makes of the maps of what it reads."""
    affine = affine_step(network, node)
    if affine is not None:
        return scaled(maps[affine[0]], affine[1], layout)
    if node.op in _SUMS:
        demand(not node.attributes.get("broadcast") and all(name in maps for name in node.inputs), "it adds a constant")
        parts = [maps[name] for name in node.inputs]
        return summed([parts[0], *(negated(part) if node.op == "Sub" else part for part in parts[1:])], layout)
    x = maps[node.inputs[0]]
    return _LINEAR[node.op](network, node, x, layout)


def _convolution(network: Network, node: Node, x: Composed, layout: Layout) -> Composed:
    weight, bias = network.constants.get(node.inputs[1]), network.constants.get(node.input(2))
    demand(weight is not None and (not node.input(2) or bias is not None), "its weights are not constant")
    assert weight is not None
    groups, kernel = int(node.attributes.get("group", 1)), weight.shape[2:]
    fits = layout.axis == 1 and weight.ndim == layout.rank and weight.shape[1] * groups == x.outputs
    demand(fits and len(weight) % groups == 0, "its weight does not fit what it reads")
    grouped = layout.numbers(weight, network.room(node.inputs[1])).reshape(
        -1, groups, len(weight) // groups, weight.shape[1], *kernel
    )
    taps = {place: grouped[(..., *place)] for place in np.ndindex(*kernel)}
    nothing = np.zeros(len(weight))
    value, room = (nothing, nothing) if bias is None else (bias, network.room(node.inputs[2]))
    demand(value.shape == (len(weight),), "its bias does not fit")
    return _windowed(network, node, x, layout, taps, layout.numbers(value, room))


def _average(network: Network, node: Node, x: Composed, layout: Layout) -> Composed:
    kernel = tuple(int(extent) for extent in node.attributes["kernel_shape"])
    demand(layout.axis == 1 and len(kernel) == layout.rank - 2, "it works along other axes")
    counted = node.attributes.get("count_include_pad", 0) or not meets_padding(
        node, kernel, network.shape(node.inputs[0])
    )
    demand(counted and not node.attributes.get("ceil_mode", 0), "it averages less at the border")
    share = layout.numbers(np.full((x.outputs, 1, 1), 1 / WIDE(math.prod(kernel))))
    taps = dict.fromkeys(np.ndindex(*kernel), share)
    return _windowed(network, node, x, layout, taps, layout.numbers(np.zeros(x.outputs)))


def _pad(network: Network, node: Node, x: Composed, layout: Layout) -> Composed:
    value = movement.setting(network, node, 2, "value")
    zeros = node.attributes.get("mode", "constant") == "constant" and (value is None or not value.any())
    before, after = movement.pads(network, node, layout.rank)
    outside = [axis for axis in range(layout.rank) if axis < 2 or layout.axis != 1]
    demand(zeros and not before[outside].any() and not after[outside].any(), "it pads otherwise than a layer does")
    pads = [(int(b), int(a)) for b, a in zip(before[2:], after[2:], strict=True)] if layout.axis == 1 else []
    return padded(x, layout, pads)


def _windowed(
    network: Network, node: Node, x: Composed, layout: Layout, taps: Mapping[Offset, Array], bias: Array
) -> Composed:
    """A sliding window behind a map: every tap reads the whole map, moved by the tap."""
    kernel = tuple(extent + 1 for extent in max(taps))
    pads = padding(node, kernel, network.shape(node.inputs[0]))
    demand(pads is not None, "how far it pads is not known")
    assert pads is not None
    x = padded(x, layout, pads)
    strides, dilations = (tuple(node.attributes.get(name) or (1,) * len(kernel)) for name in ("strides", "dilations"))
    terms: dict[Offset, list[Array]] = {}
    for (place, outer), (offset, inner) in itertools.product(taps.items(), x.taps.items()):
        at = tuple(o + s * d * i for o, s, d, i in zip(offset, x.strides, dilations, place, strict=True))
        terms.setdefault(at, []).append(product(outer, inner))
    tails = tuple(t - s * d * i for t, s, d, i in zip(x.tails, x.strides, dilations, max(taps), strict=True))
    carried = sum(applied(tap, x.bias) for tap in taps.values())
    moves = tuple(a * b for a, b in zip(x.strides, strides, strict=True))
    return Composed({at: added(parts) for at, parts in terms.items()}, carried + bias, moves, tails)


def _matrix(network: Network, node: Node, x: Composed, layout: Layout) -> Composed:
    found = layer(network, node.outputs[0])
    demand(found is not None and found.kind == ("matrix on the right",), "it multiplies with no constant matrix")
    assert found is not None
    weight = found.weight.T
    fits = layout.axis == layout.rank - 1 and not layout.extents and weight.ndim == 2
    demand(fits and weight.shape[1] == x.outputs, "its weight does not fit what it reads")
    matrix = (
        layout.numbers(weight[None], found.room().T[None])
        * layout.numbers(np.asarray(found.factor))[:, None, None, None]
    )
    ((here, tap),) = x.taps.items()
    return scaled(replace(x, taps={here: product(matrix, tap)}, bias=applied(matrix, x.bias)), found.bias, layout)


_LINEAR: Mapping[str, Callable[[Network, Node, Composed, Layout], Composed]] = {
    "AveragePool": _average,
    "Conv": _convolution,
    "Gemm": _matrix,
    "MatMul": _matrix,
    "Pad": _pad,
}
