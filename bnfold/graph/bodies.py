"""The bodies of If, Loop and Scan: graphs of their own that also read tensors of the graphs around them.

However often a body runs, a tensor that it captures is the same each time, and its own nodes are nodes like all others.
So a body needs no rules of its own: its inputs and outputs keep their units, as those of the operator that owns it do.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

_OWNERS = frozenset({"If", "Loop", "Scan"})


def bodies(node: ir.Node) -> Iterator[tuple[str, ir.Graph]]:
    """The bodies of an operator of the default domain that is known to run them, by attribute name."""
    if node.op_type in _OWNERS and node.domain in ("", "ai.onnx"):
        for name, attribute in node.attributes.items():
            if attribute.type == ir.AttributeType.GRAPH and not attribute.is_ref():
                yield name, attribute.as_graph()


def graphs(graph: ir.Graph) -> Iterator[ir.Graph]:
    """The graph and all bodies in it, at any depth; a graph comes before its bodies."""
    yield graph
    for node in graph:
        for _, body in bodies(node):
            yield from graphs(body)


def name_apart(model: ir.Model) -> None:
    """Rename, in place, each tensor of a body whose name another tensor of the model has.

    Bodies side by side may use the same names, but facts and plans know a tensor by its name.
    """
    taken: set[str] = set()
    for graph in graphs(model.graph):
        inside = graph is not model.graph
        values = [*graph.inputs, *graph.initializers.values(), *(value for node in graph for value in node.outputs)]
        for value in dict.fromkeys(values):
            if not value.name:
                continue
            if inside and value.name in taken:
                value.name = _free(value.name, taken)
            taken.add(value.name)


def _free(name: str, taken: set[str]) -> str:
    count = 2
    while f"{name}_{count}" in taken:
        count += 1
    return f"{name}_{count}"


def remove_unused(model: ir.Model) -> None:
    """Remove, in place, nodes and initializers that nobody reads, in the graph and in bodies."""
    while True:
        owned = {node: list(bodies(node)) for graph in graphs(model.graph) for node in graph}
        RemoveUnusedNodesPass()(model)
        gone = [body for node, its in owned.items() if node.graph is None for _, body in its]
        if not gone:
            break
        for body in gone:  # its nodes still count as readers of what they captured
            _let_go(body)
    for body in graphs(model.graph):
        for name, value in list(body.initializers.items()):
            if not (value.uses() or value.is_graph_output() or value.is_graph_input()):
                del body.initializers[name]


def _let_go(body: ir.Graph) -> None:
    for inner in body.all_nodes():
        for index in range(len(inner.inputs)):
            inner.replace_input_with(index, None)
    body.outputs.clear()
