"""What becomes of the affine operators that stay: runs of them become one, or what the fold's objective asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bnfold.gauge import last_resort
from bnfold.gauge.compose import affine_of_run, composed, runs
from bnfold.gauge.search import Search
from bnfold.network import Node
from bnfold.objective import Objective
from bnfold.plan import Form, Plan, Reason


@dataclass(frozen=True)
class Leftovers:
    """Attributes:
    forms: what stands in the place of operators, by name.
    into: by name, the operator in whose form one is contained; its own name if it is that one and no affine operator
        is left of it.
    inside: the operators of runs that became one form, but for the last of each.
    hosts: by name, the operator in whose place its run became one form.
    """

    forms: Mapping[str, Form]
    into: Mapping[str, str]
    inside: frozenset[str]
    hosts: Mapping[str, str]


def rewritten(search: Search, plan: Plan, reasons: Mapping[str, Reason], objective: Objective) -> Leftovers:
    """The forms of all operators that stay.

    Args:
        search: what goes and what stays.
        plan: the units.
        reasons: why operators stay, by name.
        objective: with `eliminate` a depthwise convolution takes the place of what one can compute.
    """
    forms: dict[str, Form] = {}
    into: dict[str, str] = {}
    inside: set[str] = set()
    hosts: dict[str, str] = {}
    kept = {candidate.node.name for candidate in search.refused}
    for host, nodes in runs(search).items():
        stay = [node.name for node in nodes if node.name in kept]
        form = _eliminated(host, nodes, plan, reasons) if objective is Objective.ELIMINATE else None
        gone = form is not None
        form = form or composed(nodes, len(stay), plan)
        if form is None:
            continue
        forms[host] = form
        hosts |= {node.name: host for node in nodes}
        inside |= {node.name for node in nodes[:-1]}
        still = set() if gone else {host, *[name for name in stay if name != host][: len(form) - 1]}
        forms |= {name: () for name in still if name != host}
        into |= {node.name: host for node in nodes if node.name not in still}
    if objective is Objective.ELIMINATE:
        for node in search.units.network.nodes:
            if node.name in reasons and node.name not in into and node.name not in forms:
                form = _eliminated(node.name, (node,), plan, reasons)
                if form is not None:
                    forms[node.name], into[node.name] = form, node.name
    return Leftovers(forms, into, frozenset(inside), hosts)


def _eliminated(host: str, nodes: tuple[Node, ...], plan: Plan, reasons: Mapping[str, Reason]) -> Form | None:
    why = reasons.get(host)
    if why is None or not last_resort.allows(why, host):
        return None
    return last_resort.depthwise(nodes, affine_of_run(nodes), plan) if last_resort.possible(nodes[-1]) else None
