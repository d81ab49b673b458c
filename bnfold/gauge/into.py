"""Which nodes take up what a removed operator did: those it reaches through tensors that changed their units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bnfold.gauge.units import Units
from bnfold.network import Network, Node
from bnfold.plan import Form, Plan, Unit


@dataclass(frozen=True)
class Ends:
    """Where a region of changed tensors ends; all operators removed in one region share this object.

    Attributes:
        nodes: names of the rewritten nodes around it, in network order.
        steps: those of them that become other operators, with these.
    """

    nodes: tuple[str, ...] = ()
    steps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def absorbers(
    network: Network, units: Units, draft: Plan, relaxed: Mapping[str, Form], forms: Mapping[str, Form]
) -> Callable[[Node], Ends]:
    """A function from a removed node to what takes it up.

    Tensors with changed units form regions: two of them are neighbours where a node passes units from one to the other.
    A region ends at linear layers and at affine operators that stay and were rewritten; it goes on behind nodes that
    take a relaxed form, but these count too.

    Args:
        network, units, draft: what was solved.
        relaxed: the dearer forms of nodes, by name.
        forms: all forms, by name.
    """
    regions = _regions(network, units, draft)
    around: dict[str, dict[str, None]] = {}
    for node in network.nodes:
        if node.name in draft.rewritten or node.name in relaxed:
            for name in _changed(node, draft.units):
                around.setdefault(regions[name], {})[node.name] = None
    ends = {
        region: Ends(tuple(names), {name: tuple(step.op for step in forms[name]) for name in names if name in forms})
        for region, names in around.items()
    }

    def into(node: Node) -> Ends:
        """A removed node passes units on, so that all changed tensors around it belong to one region."""
        names = _changed(node, draft.units)
        return ends.get(regions[names[0]], NOWHERE) if names else NOWHERE

    return into


NOWHERE = Ends()


def _changed(node: Node, changed: Mapping[str, Unit]) -> list[str]:
    tensors = (*node.inputs, *node.outputs)
    return [tensor.name for tensor in tensors if tensor is not None and tensor.name in changed]


def _regions(network: Network, units: Units, draft: Plan) -> Mapping[str, str]:
    """The region of every changed tensor, called after one of its tensors."""
    parent = {name: name for name in draft.units}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = name = parent[parent[name]]
        return name

    for node in network.nodes:
        if node.name not in draft.rewritten and node.name not in units.opaque and node.name not in units.linear:
            names = _changed(node, draft.units)
            for name in names[1:]:
                parent[root(name)] = root(names[0])
    return {name: root(name) for name in draft.units}
