"""Take out of a folded module what moves elements there and back, now that nothing lies between."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from torch import fx

from bnfold.fx.lift import Lifted
from bnfold.fx.merge import tensor_name
from bnfold.layout.extents import same_extents
from bnfold.layout.view import chained
from bnfold.network import Node


def round_trips(lifted: Lifted) -> Mapping[fx.Node, fx.Node]:
    """By every call that returns an earlier value as it was, after Reshapes or Transposes: the one of that value."""
    calls = {tensor_name(node): node for node in lifted.graph_module.graph.nodes}
    writers = {node.outputs[0].name: node for node in lifted.network.nodes if node.outputs[0] is not None}
    found: dict[fx.Node, fx.Node] = {}
    for node in lifted.network.nodes:
        start = _start(node, writers) if node.op in ("Reshape", "Transpose") else None
        if start is not None and start in calls:
            end = lifted.sites[node.name].result
            if calls.get(_written(node)) is end:
                found[end] = found.get(calls[start], calls[start])
    return found


def without(lifted: Lifted, trips: Mapping[fx.Node, fx.Node]) -> fx.GraphModule:
    """A copy of the module in which nothing reads the end of a round trip."""
    twin = copy.deepcopy(lifted.graph_module)
    twins = dict(zip(lifted.graph_module.graph.nodes, twin.graph.nodes, strict=True))
    for end, start in trips.items():
        twins[end].replace_all_uses_with(twins[start])
    twin.graph.eliminate_dead_code()
    twin.graph.lint()
    twin.delete_all_unused_submodules()
    return fx.GraphModule(twin, twin.graph, lifted.graph_module.__class__.__name__).eval()


def _written(node: Node) -> str:
    y = node.outputs[0]
    assert y is not None
    return y.name


def _start(end: Node, writers: Mapping[str, Node]) -> str | None:
    """The nearest tensor in front of operators of one kind that is what they return."""
    node: Node | None = end
    perm: tuple[int, ...] | None = None
    while node is not None and node.op == end.op:
        x, y = node.inputs[0], end.outputs[0]
        if x is None or y is None or x.constant is not None:
            return None
        if end.op == "Transpose":
            perm = chained(tuple(node.attributes["perm"]), perm)
        if perm is None and same_extents(x.shape, y.shape):
            return x.name
        node = writers.get(x.name)
    return None
