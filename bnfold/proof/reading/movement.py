"""Operators that move elements: where the units of every element go.

Each function takes the node in both models and an array of units that broadcasts against the input, and returns the
array that broadcasts against the output. That both nodes move alike (same settings, same constant inputs) has been
checked before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from bnfold.proof.core.units import Array, UnprovedError, demand
from bnfold.proof.reading.network import Network
from bnfold.proof.reading.node import Node
from bnfold.proof.reading.shapes import Shape

_LIMIT = 1 << 24  # elements of units that are written out
Move = Callable[[Network, Node, Array], Array]


def transpose(network: Network, node: Node, units: Array) -> Array:
    """Transpose."""
    return units.transpose(node.attributes.get("perm") or range(units.ndim)[::-1])


def reshape(network: Network, node: Node, units: Array) -> Array:
    """Reshape, Flatten, Squeeze, Unsqueeze: elements keep their order."""
    source, target = shape_of(network, node.inputs[0]), shape_of(network, node.outputs[0])
    return reshaped(units, source, target)


def reshaped(units: Array, source: Shape, target: Shape) -> Array:
    """Units after a reshape from `source` to `target`.

    Extents of 1 hold one index and do not count. Of the others, equal ones in front and behind keep their place; what
    lies between is written out, which needs its extents.
    """
    if units.size == 1:
        return units.reshape((1,) * len(target))
    if 1 in source or 1 in target:
        many = [axis for axis, extent in enumerate(target) if extent != 1]
        moved = reshaped(
            units.reshape([size for size, extent in zip(units.shape, source, strict=True) if extent != 1]),
            tuple(extent for extent in source if extent != 1),
            tuple(target[axis] for axis in many),
        )
        sizes = dict(zip(many, moved.shape, strict=True))
        return moved.reshape([sizes.get(axis, 1) for axis in range(len(target))])
    old, new = list(source), list(target)
    _name_the_unknown(old, new)
    head = 0
    while head < min(len(old), len(new)) and old[head] is not None and old[head] == new[head]:
        head += 1
    tail = 0
    while (
        tail < min(len(old), len(new)) - head and isinstance(old[-1 - tail], int) and old[-1 - tail] == new[-1 - tail]
    ):
        tail += 1
    middle, image = old[head : len(old) - tail], new[head : len(new) - tail]
    front, back = units.shape[:head], units.shape[len(old) - tail :]
    inner = units.shape[head : len(old) - tail]
    if all(extent == 1 for extent in inner):
        return units.reshape(*front, *(1,) * len(image), *back)
    extents = [extent for extent in (*middle, *image) if isinstance(extent, int)]
    demand(len(extents) == len(middle) + len(image), "the extents that it rearranges are not known")
    size = math.prod(extents[: len(middle)])
    demand(size == math.prod(extents[len(middle) :]), "its extents do not agree")
    demand(size * math.prod((*front, *back)) <= _LIMIT, "the units are too many to write out")
    written = np.broadcast_to(units, (*front, *extents[: len(middle)], *back))
    return written.reshape(*front, *extents[len(middle) :], *back)


def _name_the_unknown(old: list[int | str | None], new: list[int | str | None]) -> None:
    """One unknown extent on either side, among known ones with the same product, is the same extent."""
    unknown = [[i for i, extent in enumerate(shape) if not isinstance(extent, int)] for shape in (old, new)]
    known = [math.prod(extent for extent in shape if isinstance(extent, int)) for shape in (old, new)]
    if len(unknown[0]) == len(unknown[1]) == 1 and known[0] == known[1] > 0:
        old[unknown[0][0]] = new[unknown[1][0]] = "the unknown one"


def expand(network: Network, node: Node, units: Array) -> Array:
    """Expand: new axes come in front, copies have the units of what they copy."""
    rank = len(shape_of(network, node.outputs[0]))
    return units.reshape((1,) * (rank - units.ndim) + units.shape)


def slice_(network: Network, node: Node, units: Array) -> Array:
    """Slice."""
    axes = setting(network, node, 3, "axes")
    if axes is not None and all(units.shape[int(axis)] == 1 for axis in axes):
        return units
    starts, ends, steps = (
        setting(network, node, index, name) for index, name in ((1, "starts"), (2, "ends"), (4, "steps"))
    )
    demand(starts is not None and ends is not None, "what it cuts out is not known")
    assert starts is not None
    assert ends is not None
    index = [slice(None)] * units.ndim
    for position in range(starts.size):
        axis = position if axes is None else int(axes[position]) % units.ndim
        if units.shape[axis] > 1:
            step = 1 if steps is None else int(steps[position])
            index[axis] = slice(int(starts[position]), _end(int(ends[position]), units.shape[axis], step), step)
    return units[tuple(index)]


def _end(end: int, extent: int, step: int) -> int | None:
    """Where a slice ends in Python's terms; ONNX writes a very small number for 'beyond the first'."""
    return None if step < 0 and end < -extent else end


def gather(network: Network, node: Node, units: Array) -> Array:
    """Gather with constant indices, or any along an axis on which units do not vary."""
    axis = int(node.attributes.get("axis", 0)) % units.ndim
    if units.shape[axis] == 1:
        rank = len(shape_of(network, node.inputs[1]))
        return units.reshape(units.shape[:axis] + (1,) * rank + units.shape[axis + 1 :])
    indices = network.constants.get(node.inputs[1])
    demand(indices is not None, "what it picks is not known")
    return np.take(units, np.asarray(indices, np.int64), axis)


def depth_to_space(network: Network, node: Node, units: Array) -> Array:
    """DepthToSpace, carried out on a picture of the units."""
    block = int(node.attributes["blocksize"])
    channels = _per_channel(units)
    demand(channels.size in (1, shape_of(network, node.inputs[0])[1]), "its channels are not known")
    if channels.size == 1:
        return units
    if node.attributes.get("mode", "DCR") == "CRD":
        grouped = channels.reshape(-1, block * block)
    else:
        grouped = channels.reshape(block * block, -1).T
    demand((grouped == grouped[:, :1]).all(), "it mixes channels whose units differ")
    return grouped[:, 0].reshape(1, -1, 1, 1)


def space_to_depth(network: Network, node: Node, units: Array) -> Array:
    """SpaceToDepth: every position of a block repeats the channels."""
    channels = _per_channel(units)
    return (
        units if channels.size == 1 else np.tile(channels, int(node.attributes["blocksize"]) ** 2).reshape(1, -1, 1, 1)
    )


def _per_channel(units: Array) -> Array:
    demand(units.ndim == 4 and units.size == units.shape[1], "its units vary inside a channel")
    return units.reshape(-1)


def pad(network: Network, node: Node, units: Array) -> Array:
    """Pad by reflecting, repeating or wrapping; and cropping. See `operators.pad` for zeros."""
    before, after = pads(network, node, units.ndim)
    widths = [
        (int(b), int(a)) if extent > 1 else (0, 0) for b, a, extent in zip(before, after, units.shape, strict=True)
    ]
    demand(all(min(width) >= 0 for width in widths), "it crops and pads units that vary")
    return np.pad(units, widths, mode=node.attributes["mode"])


def pads(network: Network, node: Node, rank: int) -> tuple[Array, Array]:
    """How many elements a Pad adds before and after, per axis."""
    given, axes = setting(network, node, 1, "pads"), setting(network, node, 3, "axes")
    given = setting(network, node, 1, "paddings") if given is None else given
    demand(given is not None, "how far it pads is not known")
    assert given is not None
    where = np.arange(rank) if axes is None else np.asarray(axes, int) % rank
    before, after = np.zeros((2, rank), int)
    before[where], after[where] = given[: len(where)], given[len(where) :]
    return before, after


def setting(network: Network, node: Node, index: int, name: str) -> Array | None:
    """A setting that older operator sets keep in an attribute and newer ones in a constant input; None if left out."""
    if name in node.attributes:
        return np.asarray(node.attributes[name])
    if not node.input(index):
        return None
    value = network.constants.get(node.input(index))
    demand(value is not None, f"its {name} are computed at run time")
    return value


def shape_of(network: Network, name: str) -> Shape:
    """The shape of a tensor, whose rank must be known."""
    shape = network.shape(name)
    if shape is None:
        raise UnprovedError("a shape that it depends on is not known")
    return shape


def part(network: Network, tensor: str) -> tuple[str, int, int, int] | None:
    """If a tensor is one part of a split one: that one, the axis, and where the part starts and ends.

    Raises:
        UnprovedError: it is, but the sizes are not known.
    """
    node, index = network.writer[tensor]
    if node.op == "SequenceAt":
        sequence, position = network.writer.get(node.inputs[0], (None, 0))[0], network.constants.get(node.inputs[1])
        if sequence is None or sequence.op != "SplitToSequence" or position is None:
            return None
        sizes = _sequence_sizes(network, sequence)
        where, number = int(position.reshape(-1)[0]), len(sizes)
        demand(-number <= where < number, "it reads a part that is not there")
        node, index = sequence, where % number
    elif node.op == "Split":
        sizes = _split_sizes(network, node)
    else:
        return None
    axis = int(node.attributes.get("axis", 0)) % len(shape_of(network, node.inputs[0]))
    return node.inputs[0], axis, sum(sizes[:index]), sum(sizes[: index + 1])


def _split_sizes(network: Network, node: Node) -> list[int]:
    given = setting(network, node, 1, "split")
    if given is not None:
        return [int(size) for size in given]
    axis = int(node.attributes.get("axis", 0))
    return _known([shape_of(network, name)[axis] if name else None for name in node.outputs])


def _sequence_sizes(network: Network, node: Node) -> list[int]:
    lengths = network.constants.get(node.input(1))
    demand(lengths is not None, "the sizes of its parts are not known")
    assert lengths is not None
    if lengths.ndim:
        return [int(size) for size in lengths]
    extent = _known([shape_of(network, node.inputs[0])[int(node.attributes.get("axis", 0))]])[0]
    return [min(int(lengths), extent - start) for start in range(0, extent, int(lengths))]


def _known(extents: Sequence[int | str | None]) -> list[int]:
    known = [extent for extent in extents if isinstance(extent, int)]
    demand(len(known) == len(extents), "the sizes of its parts are not known")
    return known
