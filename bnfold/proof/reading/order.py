"""Operators that leave all elements in their order, and tensors that come back from several of them as they were."""

from __future__ import annotations

from bnfold.proof.reading.network import Network
from bnfold.proof.reading.node import Node
from bnfold.proof.reading.shapes import Shape

ORDERED = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")


def keeps_order(network: Network, node: Node) -> bool:
    """Whether a node leaves all elements in their order; a Transpose does that moves nothing but extents of 1."""
    if node.op != "Transpose":
        return node.op in ORDERED
    shape, perm = network.shape(node.inputs[0]), node.attributes.get("perm")
    moved = [] if shape is None or not perm else [axis for axis in perm if shape[axis] != 1]
    return bool(moved) and moved == sorted(moved)


def restored(x: Shape | None, y: Shape | None) -> bool:
    """Whether two shapes of equally many elements are the same; one extent may be unknown."""
    if x is None or y is None:
        return False
    known = [(a, b) for a, b in zip(x, y, strict=False) if isinstance(a, int) and isinstance(b, int)]
    return len(x) == len(y) <= len(known) + 1 and all(a == b > 0 for a, b in known)


def returned(network: Network, node: Node) -> str | None:
    """The tensor that a node gives back as it was, nothing but its shape having changed in between; None without."""
    y = network.shape(node.outputs[0])
    while keeps_order(network, node):
        x = node.inputs[0]
        if restored(network.shape(x), y):
            return x
        if x not in network.writer:
            return None
        node = network.writer[x][0]
    return None
