"""Which nodes take up what a removed operator did: those it reaches through tensors that changed their units."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bnfold.gauge.units import Units
from bnfold.network import Network, Node
from bnfold.plan import Unit


def absorbers(
    network: Network, units: Units, changed: Mapping[str, Unit], rewritten: frozenset[str], formed: frozenset[str]
) -> Callable[[Node], tuple[str, ...]]:
    """A function from a removed node to the names of the rewritten nodes around it, in network order.

    Tensors with changed units form regions: two of them are neighbours where a node passes units from one to the other.
    A region ends at linear layers and at affine operators that stay and were rewritten; it goes on behind nodes that
    take another form (`formed`), but these count too.
    """
    regions = _regions(network, units, changed, rewritten)
    around: dict[str, dict[str, None]] = {}
    for node in network.nodes:
        if node.name in rewritten or node.name in formed:
            for name in _changed(node, changed):
                around.setdefault(regions[name], {})[node.name] = None
    ends = {region: tuple(names) for region, names in around.items()}
    position = {node.name: index for index, node in enumerate(network.nodes)}

    def into(node: Node) -> tuple[str, ...]:
        touched = dict.fromkeys(regions[name] for name in _changed(node, changed))
        lists = [ends[region] for region in touched if region in ends]
        if len(lists) == 1:
            return lists[0]
        return tuple(sorted({name for names in lists for name in names}, key=position.__getitem__))

    return into


def _changed(node: Node, changed: Mapping[str, Unit]) -> list[str]:
    tensors = (*node.inputs, *node.outputs)
    return [tensor.name for tensor in tensors if tensor is not None and tensor.name in changed]


def _regions(
    network: Network, units: Units, changed: Mapping[str, Unit], rewritten: frozenset[str]
) -> Mapping[str, str]:
    """The region of every changed tensor, called after one of its tensors."""
    parent = {name: name for name in changed}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = name = parent[parent[name]]
        return name

    for node in network.nodes:
        if node.name not in rewritten and node.name not in units.opaque and node.name not in units.linear:
            names = _changed(node, changed)
            for name in names[1:]:
                parent[root(name)] = root(names[0])
    return {name: root(name) for name in changed}
