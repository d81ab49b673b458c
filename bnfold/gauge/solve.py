"""From the facts of a network to a Plan: remove as many affine operators as the equations allow.

The search finds a set of removals, exchanges improve it, and what freedom is left chooses the original units for as
many tensors as possible, outputs of removed operators first.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bnfold.gauge.compose import runs
from bnfold.gauge.exchange import improve
from bnfold.gauge.into import absorbers
from bnfold.gauge.linear_system import LinearSystem
from bnfold.gauge.rules import read
from bnfold.gauge.rules.affine import elements
from bnfold.gauge.search import Search, because, channel_of
from bnfold.gauge.units import Candidate
from bnfold.network import Network
from bnfold.plan import SENTENCES, Code, Decision, Plan, Reason, Unit

MAX_LOST_BITS = 6.0
"""A stored tensor may lose this many bits of precision to a shift, not more."""


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
    while True:
        search = Search(read(network, frozenset(pinned)), withdrawn)
        improve(search)
        search.keep_scalars()
        stiff = {candidate.node.name for candidate in search.refused if not candidate.keepable}
        if stiff:
            for name in stiff:
                withdrawn.setdefault(name, search.reasons[name])
            pinned |= stiff
            continue
        units = _settled_units(search)
        lossy = _most_lossy(search, units)
        if lossy is None:
            return _plan(network, search, units, withdrawn)
        withdrawn[lossy[0].node.name] = lossy[1]


def _settled_units(search: Search) -> dict[str, Unit]:
    """The units of every tensor whose gauge is not the ground."""
    gauges = search.units.gauges
    removed = set(search.removed)
    first = [candidate.y.name for candidate in search.units.candidates if candidate in removed]
    order = list(dict.fromkeys([*first, *gauges]))
    flat = [gauges[name].reshape(-1) for name in order]
    ids = np.concatenate([np.zeros(0, np.int64), *flat])
    unique = ids[np.sort(np.unique(ids, return_index=True)[1])]
    values: dict[Code, np.ndarray] = {}
    for code, system in search.systems.items():
        system.settle(unique)
        values[code] = _by_id(system, unique)
    gain = np.exp(-values[Code.SCALE]) * np.where(values[Code.SIGN] % 2 == 1, -1.0, 1.0)
    offset = np.where(values[Code.SHIFT] == 0, 0.0, -values[Code.SHIFT] * gain)
    units = {name: Unit(gain[gauges[name]], offset[gauges[name]]) for name in order}
    for candidate in search.removed:
        if candidate.dead.any():
            units[candidate.x.name] = _with_dead(candidate, units)
    return {name: unit for name, unit in units.items() if not unit.trivial}


def _by_id(system: LinearSystem, ids: np.ndarray) -> np.ndarray:
    values = np.zeros(int(ids.max(initial=0)) + 1)
    values[ids] = system.values(ids)
    return values


def _with_dead(candidate: Candidate, units: Mapping[str, Unit]) -> Unit:
    """Dead channels of the input store the constant that the output wants."""
    x, y = units[candidate.x.name], units[candidate.y.name]
    constant = y.gain * candidate.affine.shift + y.offset
    return Unit(np.where(candidate.dead, 0.0, x.gain), np.where(candidate.dead, constant, x.offset))


def _most_lossy(search: Search, units: Mapping[str, Unit]) -> tuple[Candidate, Reason] | None:
    """The removal that costs most bits of a tensor that stays stored, if it costs too many.

    A shift T costs log2((|mean - T| + spread) / (|mean| + spread)) bits.
    """
    removed = {candidate.node.name for candidate in search.removed}
    worst: tuple[float, Candidate, int | None] | None = None
    for candidate in search.removed:
        for tensor in (candidate.x, candidate.y):
            statistics, unit = search.units.statistics.get(tensor.name), units.get(tensor.name)
            stays = any(node.name not in removed for node in search.units.readers.get(tensor.name, ()))
            if statistics is None or unit is None or not stays:
                continue
            shift = np.where(unit.gain == 0, 0.0, -unit.offset / np.where(unit.gain == 0, 1.0, unit.gain))
            stored = np.abs(statistics.mean - shift) + statistics.spread
            tiny = np.finfo(np.float64).tiny
            bits = np.log2((stored + tiny) / (np.abs(statistics.mean) + statistics.spread + tiny))
            if bits.max() > MAX_LOST_BITS and (worst is None or bits.max() > worst[0]):
                worst = float(bits.max()), candidate, channel_of(candidate, int(bits.argmax()))
    if worst is None:
        return None
    bits_lost, candidate, channel = worst
    sentence = f"{SENTENCES[Code.PRECISION]} ({bits_lost:.0f} bits; at most {MAX_LOST_BITS:.0f} are accepted)"
    return candidate, Reason(Code.PRECISION, sentence, channel)


def _plan(network: Network, search: Search, units: Mapping[str, Unit], withdrawn: Mapping[str, Reason]) -> Plan:
    removed = {candidate.node.name for candidate in search.removed}
    rewritten = frozenset(
        node.name
        for node in network.nodes
        if node.name not in removed
        and node.name not in search.units.opaque
        and (node.name in search.units.linear or elements(node) is not None)
        and any(tensor is not None and tensor.name in units for tensor in (*node.inputs, *node.outputs))
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
    return Plan(tuple(decisions), units, frozenset(search.units.linear), rewritten, composed)
