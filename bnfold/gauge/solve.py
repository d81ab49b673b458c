"""From the facts of a network to a Plan: remove as many affine operators as the equations allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from bnfold.affine_operators import elements
from bnfold.gauge import fused, last_resort, leftovers, relaxed
from bnfold.gauge.exchange import improve
from bnfold.gauge.explain import because
from bnfold.gauge.garbage import no_collection
from bnfold.gauge.into import NOWHERE, Ends, absorbers
from bnfold.gauge.precision import most_lossy
from bnfold.gauge.rules import read
from bnfold.gauge.search import Search
from bnfold.gauge.settle import Settled, settle
from bnfold.gauge.units import Units
from bnfold.memory import REMEMBERED
from bnfold.network import Network
from bnfold.objective import Objective
from bnfold.plan import SENTENCES, Code, Decision, Form, Plan, Reason, step_name


@no_collection()
def solve(
    network: Network, withdrawn: Mapping[str, Reason] | None = None, objective: Objective = Objective.LATENCY
) -> Plan:
    """Decide about every affine operator of a network.

    Args:
        network: the facts.
        withdrawn: operators that must stay, by name, with the reason that the ledger will give; beside those that the
            network remembers.
        objective: what the fold is for.

    Returns:
        A plan whose units satisfy every operator's equations.
    """
    withdrawn = {**network.kept, **(withdrawn or {})}
    lasting = set(network.kept)
    protected = fused.protected(network) if objective is Objective.LATENCY else {}
    withdrawn |= protected
    pinned = set(protected)
    loose = relaxed.relaxable(network, objective)
    last = last_resort.free(network, withdrawn) if objective is Objective.ELIMINATE else {}

    def reading() -> Units:
        return read(network, frozenset(pinned), {**relaxed.rules(network, loose), **last})

    units = reading()
    rivals: dict[str, tuple[str, ...]] = {}
    while True:
        search = Search(units, withdrawn)
        improve(search)
        stiff = search.stiff()
        blockers = search.grant(relaxed.dearest_first(network, search.units.wishes))
        search.keep_scalars()
        lasting |= {candidate.node.name for candidate in search.refused if candidate.dead.any()}
        if stiff:
            for name in stiff:
                withdrawn.setdefault(name, search.reasons[name])
                rivals[name] = search.blockers.get(name, ())
            pinned |= stiff
            units = reading()
            continue
        vain = _pinned_in_vain(search, rivals, withdrawn)
        if vain:
            for name, (rival, reason) in vain.items():
                withdrawn[rival] = reason
                del withdrawn[name], rivals[name]
            pinned -= vain.keys()
            units = reading()
            continue
        settled = settle(search)
        lossy = most_lossy(search, settled.tensors)
        if lossy is not None:
            withdrawn[lossy[0].node.name] = lossy[1]
            continue
        draft = _draft(network, search, settled)
        forms, unworthy = relaxed.chosen(network, draft, blockers, objective)
        if not unworthy:
            return _decided(network, search, draft, forms, withdrawn, objective, lasting)
        loose -= unworthy
        units = reading()


def _pinned_in_vain(
    search: Search, rivals: Mapping[str, Sequence[str]], withdrawn: Mapping[str, Reason]
) -> Mapping[str, tuple[str, Reason]]:
    """Operators that had to keep all units for the sake of removals which then did not fit either.

    They are tried again, each without one of these: its name, and the reason why that one stays.
    """
    found = {}
    for name, names in rivals.items():
        for rival in names:
            if rival in search.reasons and rival not in withdrawn:
                why = search.reasons[rival]
                sentence = f"{SENTENCES[why.code]}: beside it {name} could neither go nor stay"
                found[name] = rival, replace(why, sentence=sentence, against=name)
                break
    return found


def _draft(network: Network, search: Search, settled: Settled) -> Plan:
    """The units, and which nodes they concern; nothing decided yet."""
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
    return Plan((), units, frozenset(search.units.linear), rewritten, settled.operands)


def _decided(
    network: Network,
    search: Search,
    draft: Plan,
    forms: Mapping[str, Form],
    withdrawn: Mapping[str, Reason],
    objective: Objective,
    lasting: Set[str],
) -> Plan:
    reasons = {**withdrawn, **search.reasons}
    removed = {candidate.node.name for candidate in search.removed}
    for node in network.nodes:
        if elements(node) is not None and node.name not in removed and node.name not in reasons:
            reasons[node.name] = because(search.units.refused.get(node.name, Code.NOT_CONSTANT))
    left = leftovers.rewritten(search, draft, reasons, objective)
    all_forms = {**forms, **left.forms}
    into = absorbers(network, search.units, draft, forms, all_forms)
    decisions = []
    for node in network.nodes:
        size = elements(node)
        if size is None:
            continue
        name, reason = node.name, reasons.get(node.name)
        ends = into(node) if reason is None else NOWHERE
        if name in left.into:
            host = left.into[name]
            ends, reason = Ends((host,), {host: tuple(step.op for step in all_forms[host])}), None
        decisions.append(Decision(name, node.op, size == 1, ends.nodes, reason, ends.steps))
    return replace(
        draft,
        decisions=tuple(decisions),
        rewritten=draft.rewritten - all_forms.keys(),
        forms=all_forms,
        inside=left.inside,
        remembered=_remembered(reasons, lasting, left, decisions),
    )


def _remembered(
    reasons: Mapping[str, Reason], lasting: Set[str], left: leftovers.Leftovers, decisions: Sequence[Decision]
) -> Mapping[str, Reason]:
    """What a second fold could not find again; what a run became stays for the reasons of all that it is made of.

    Args:
        reasons: why operators stay, by name.
        lasting: names of some to remember whatever the reason is: those with dead channels, for which the way to remove
            them depends on their neighbours.
        left: what became of those that stay.
        decisions: about all operators; those that no form leaves over are not remembered.
    """
    gone = {decision.node for decision in decisions if decision.removed}
    found: dict[str, Reason] = {}
    for name, reason in reasons.items():
        host = left.hosts.get(name, name)
        if host not in gone and (reason.code in REMEMBERED or name in lasting):
            form = left.forms.get(host, ())
            for stays in [step_name(host, form, step) for step in form] or [host]:
                found.setdefault(stays, reason)
    return found
