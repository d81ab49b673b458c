"""What the subgraphs of If and Loop are given: as networks that see the tensors around them."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import TensorProto

from bnfold.proof.core.units import demand
from bnfold.proof.reading.network import Network
from bnfold.proof.reading.node import Node
from bnfold.proof.reading.shapes import Shape, type_of

_COUNTED = type_of(TensorProto.INT64, ()), type_of(TensorProto.BOOL, ())  # what a Loop gives beside what it carries


def inside(network: Network, node: Node) -> list[Network]:
    """The subgraphs of an If or a Loop.

    A Loop gives its body the number of the turn, the condition, and what it carries, whose extents are those that
    neither the first nor any other turn changes.

    Raises:
        UnprovedError: it is another operator.
        SourceError: a subgraph is not in order.
    """
    demand(node.op in ("If", "Loop"), f"what the subgraph of {node.op} is given is not known")
    if node.op == "If":
        return [network.within(body, ()) for body in node.bodies]
    (body,), carried = node.bodies, node.inputs[2:]
    shapes = [network.shape(name) for name in carried]
    while True:
        types = [type_of(network.type(name), shape) for name, shape in zip(carried, shapes, strict=True)]
        inner = network.within(body, (*_COUNTED, *types))
        results = list(inner.outputs)[1 : 1 + len(carried)]
        kept = [_common(shape, inner.shape(name)) for shape, name in zip(shapes, results, strict=True)]
        if kept == shapes:
            return [inner]
        shapes = kept


def _common(a: Shape | None, b: Shape | None) -> Shape | None:
    """What two shapes have in common."""
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple(m if m == n else None for m, n in zip(a, b, strict=True))


def formal_inputs(node: Node) -> Sequence[Sequence[str]]:
    """The names of the inputs of every subgraph."""
    return [[value.name for value in body.input] for body in node.bodies]
