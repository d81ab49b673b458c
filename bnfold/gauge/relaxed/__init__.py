"""Dearer exact forms: what an operator becomes under units that it cannot pass as it stands.

A relaxed rule states fewer equations than the usual one of `bnfold.gauge.rules`, and sets those that it leaves out
aside as wishes (`Units.wish`). After the search each wish that fits the removals is granted, and the operator stays as
it is. Where it does not, `form` says which operators compute the same under the units that were found, and what they
cost (`bnfold.gauge.cost`); they are only used if they cost no more than what they allow to remove.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bnfold.affine_operators import elements
from bnfold.gauge import cost, last_resort
from bnfold.gauge.relaxed import bounds, padding, product
from bnfold.gauge.requirements import Requirements
from bnfold.gauge.units import Units
from bnfold.network import Network, Node
from bnfold.objective import Objective
from bnfold.plan import Form, Plan

Priced = tuple[Form, int]


@dataclass(frozen=True)
class Relaxed:
    """How one operator may be relaxed.

    Attributes:
        applies: whether this node may, the shapes of its first input and of its outputs being known.
        rule: its equations.
        form: what it becomes, empty if it only gets other constants, and the cost of that; None if nothing exact is
            known for these units.
        objectives: which folds may use it.
    """

    applies: Callable[[Node], bool]
    rule: Callable[[Node, Units], None]
    form: Callable[[Node, Plan], Priced | None]
    objectives: frozenset[Objective] = frozenset({Objective.ELIMINATE})


ANY = frozenset(Objective)

TABLE: Mapping[str, Relaxed] = {
    "Relu": Relaxed(bounds.applies, bounds.rule, bounds.form),
    "Clip": Relaxed(bounds.applies, bounds.rule, bounds.form),
    "Conv": Relaxed(padding.conv_applies, padding.conv_rule, padding.conv_form),
    "Pad": Relaxed(padding.pad_applies, padding.pad_rule, padding.pad_form, ANY),
    "MatMul": Relaxed(product.applies, product.rule, product.form, ANY),
}


def relaxable(network: Network, objective: Objective) -> frozenset[str]:
    """Names of the nodes that have a dearer form which this fold may use."""
    return frozenset(
        node.name
        for node in network.nodes
        if (entry := TABLE.get(node.op)) is not None
        and objective in entry.objectives
        and not node.opaque
        and all(tensor.shape is not None for tensor in (node.inputs[0], *node.outputs) if tensor is not None)
        and entry.applies(node)
    )


def rules(network: Network, names: frozenset[str]) -> Mapping[str, Callable[[Node, Units], None]]:
    """The relaxed rules of these nodes, by name."""
    return {node.name: TABLE[node.op].rule for node in network.nodes if node.name in names}


def dearest_first(network: Network, wishes: Mapping[str, Requirements]) -> Mapping[str, Requirements]:
    """The wishes in the order in which they should be granted: those of the largest tensors first."""
    nodes = [node for node in network.nodes if node.name in wishes]
    nodes.sort(key=lambda node: -max(cost.elements(y) for y in node.outputs if y is not None))
    return {node.name: wishes[node.name] for node in nodes}


def chosen(
    network: Network, plan: Plan, blockers: Mapping[str, tuple[str, ...]], objective: Objective
) -> tuple[Mapping[str, Form], frozenset[str]]:
    """The forms of the nodes whose wish was not granted.

    Nodes that serve common removals are judged together: either all of them are worth their cost, or the dearest is
    better left as it is. Where unknown extents forbid to compare, as behind a Reshape that takes the batch in, they
    are taken to be worth it.

    Args:
        network: the facts.
        plan: the units.
        blockers: by the name of such a node, what it serves: removals, or nodes whose wish was granted.
        objective: what the fold is for.

    Returns:
        Forms by node name, and the names of nodes to which the usual rules should apply instead.
    """
    nodes = {node.name: node for node in network.nodes}
    priced = {name: TABLE[nodes[name].op].form(nodes[name], plan) for name in blockers}
    impossible = frozenset(name for name, found in priced.items() if found is None)
    if impossible:
        return {}, impossible
    found = {name: pair for name, pair in priced.items() if pair is not None}
    unworthy = set()
    for names, served in _groups(blockers):
        price = sum(found[name][1] for name in names)
        tensors = [y for name in (*names, *served) for y in nodes[name].outputs if y is not None]
        comparable = all(cost.unknown(y) == cost.unknown(tensors[0]) for y in tensors)
        if comparable and price > sum(worth(nodes[name], objective) for name in served):
            unworthy.add(max(names, key=lambda name: found[name][1]))
    return {name: form for name, (form, _) in found.items() if form}, frozenset(unworthy)


def worth(node: Node, objective: Objective) -> float:
    """What it would cost not to remove an affine operator; infinite where it must go and only can that way.

    For a node whose wish was granted: about what its own dearer form would cost.
    """
    y = node.outputs[0]
    assert y is not None
    if objective is Objective.LATENCY or elements(node) in (None, 1):
        return cost.elementwise(y)
    return cost.depthwise(y) if last_resort.exists(node) else float("inf")


def _groups(serves: Mapping[str, tuple[str, ...]]) -> list[tuple[list[str], set[str]]]:
    """Nodes that are tied by common removals, with all of these."""
    groups: list[tuple[list[str], set[str]]] = []
    for name, served in serves.items():
        tied = [group for group in groups if group[1] & set(served)]
        groups = [group for group in groups if not group[1] & set(served)]
        members = [name, *(member for group in tied for member in group[0])]
        groups.append((members, set(served).union(*(group[1] for group in tied))))
    return groups
