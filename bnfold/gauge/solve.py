"""From the facts of a network to a Plan: remove as many affine operators as the equations allow."""

from __future__ import annotations

from collections.abc import Mapping

from bnfold.gauge.compose import runs
from bnfold.gauge.exchange import improve
from bnfold.gauge.into import absorbers
from bnfold.gauge.precision import most_lossy
from bnfold.gauge.rules import read
from bnfold.gauge.rules.affine import elements
from bnfold.gauge.search import Search, because
from bnfold.gauge.settle import Settled, settle
from bnfold.network import Network
from bnfold.plan import Code, Decision, Plan, Reason


def solve(network: Network, withdrawn: Mapping[str, Reason] | None = None) -> Plan:
    """Decide about every affine operator of a network.

    Args:
        network: the facts.
        withdrawn: operators that must stay, by name, with the reason that the ledger will give.

    Returns:
        A plan whose units satisfy every operator's equations.
    """
    withdrawn = dict(withdrawn or {})
    pinned: set[str] = set()
    units = read(network)
    while True:
        search = Search(units, withdrawn)
        improve(search)
        search.keep_scalars()
        stiff = {candidate.node.name for candidate in search.refused if not candidate.keepable}
        if stiff:
            for name in stiff:
                withdrawn.setdefault(name, search.reasons[name])
            pinned |= stiff
            units = read(network, frozenset(pinned))
            continue
        settled = settle(search)
        lossy = most_lossy(search, settled.tensors)
        if lossy is None:
            return _plan(network, search, settled, withdrawn)
        withdrawn[lossy[0].node.name] = lossy[1]


def _plan(network: Network, search: Search, settled: Settled, withdrawn: Mapping[str, Reason]) -> Plan:
    units = settled.tensors
    removed = {candidate.node.name for candidate in search.removed}
    rewritten = frozenset(
        node.name
        for node in network.nodes
        if node.name in settled.operands
        or (
            node.name not in removed
            and node.name not in search.units.opaque
            and (node.name in search.units.linear or elements(node) is not None)
            and any(tensor is not None and tensor.name in units for tensor in (*node.inputs, *node.outputs))
        )
    )
    into = absorbers(network, search.units, units, rewritten)
    composed = runs(search)
    host_of = {name: host for host, names in composed.items() for name in names if name != host}
    decisions = []
    for node in network.nodes:
        size = elements(node)
        if size is None:
            continue
        if node.name in host_of:
            decisions.append(Decision(node.name, node.op, size == 1, (host_of[node.name],)))
            continue
        reason = search.reasons.get(node.name, withdrawn.get(node.name))
        if reason is None and node.name not in removed:
            reason = because(search.units.refused.get(node.name, Code.NOT_CONSTANT))
        decisions.append(Decision(node.name, node.op, size == 1, into(node) if reason is None else (), reason))
    return Plan(tuple(decisions), units, frozenset(search.units.linear), rewritten, settled.operands, composed)
