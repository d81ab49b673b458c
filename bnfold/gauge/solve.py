"""From the facts of a network to a Plan: remove as many affine operators as the equations allow.

Removing an operator adds equations for all its channels in three systems (log|S|, sign of S, T). They are tried from
the operator that saves most to the one that saves least; what contradicts is taken back and keeps its reason. A prefix
that fits as a whole needs no single trials, so the list is halved on failure instead of walked. What freedom is left
chooses the original units for as many tensors as possible, outputs of removed operators first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bnfold.gauge.into import absorbers
from bnfold.gauge.linear_system import Contradiction, LinearSystem
from bnfold.gauge.rules import read
from bnfold.gauge.rules.affine import elements
from bnfold.gauge.units import Candidate, Requirements, Units, concatenated
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
        search = _Search(read(network, frozenset(pinned)), withdrawn)
        search.run()
        stiff = {candidate.node.name for candidate in search.refused_candidates if not candidate.keepable}
        if stiff:
            for name in stiff:
                withdrawn.setdefault(name, search.reasons[name])
            pinned |= stiff
            continue
        units = search.settled_units()
        lossy = _most_lossy(search, units)
        if lossy is None:
            return _plan(network, search, units)
        withdrawn[lossy[0].node.name] = lossy[1]


@dataclass
class _Search:
    units: Units
    withdrawn: Mapping[str, Reason]
    reasons: dict[str, Reason] = field(default_factory=dict)
    removed: list[Candidate] = field(default_factory=list)
    refused_candidates: list[Candidate] = field(default_factory=list)

    def run(self) -> None:
        self._systems = self.units.systems()
        open_ = []
        for candidate in self.units.candidates:
            name = candidate.node.name
            if name in self.withdrawn:
                self._refuse(candidate, self.withdrawn[name])
            elif candidate.dead.any() and not self._owns_its_input(candidate):
                channel = _channel(candidate, int(np.flatnonzero(candidate.dead)[0]))
                self._refuse(candidate, _reason(Code.DEAD, channel))
            else:
                open_.append(candidate)
        self._try(sorted(open_, key=_saving, reverse=True))
        self._keep_scalars([c for c in self.refused_candidates if c.affine.scale.size == 1])
        self.removed.sort(key=self.units.candidates.index)

    def _owns_its_input(self, candidate: Candidate) -> bool:
        name = candidate.x.name
        alone = len(self.units.readers[name]) == 1 and name not in self.units.outputs
        return alone and name in self.units.linear_outputs

    def _refuse(self, candidate: Candidate, reason: Reason) -> None:
        self.reasons[candidate.node.name] = reason
        self.refused_candidates.append(candidate)

    def _try(self, candidates: Sequence[Candidate]) -> None:
        if not candidates:
            return
        conflict = self._add([candidate.requirements for candidate in candidates])
        if conflict is None:
            self.removed += candidates
        elif len(candidates) > 1:
            half = len(candidates) // 2
            self._try(candidates[:half])
            self._try(candidates[half:])
        else:
            self._refuse(candidates[0], self._explain(candidates[0], *conflict))

    def _keep_scalars(self, candidates: Sequence[Candidate]) -> None:
        """Where nothing else depends on it, an operator that stays keeps its single constant single."""
        requirements = []
        for candidate in candidates:
            original = Requirements()
            origin = self.units.demand(candidate.node, "keeps its single constant")
            for gauge in (candidate.x_gauge, candidate.y_gauge):
                original.scale(origin, gauge, [])
                original.shift(origin, gauge, [])
            requirements.append(original)
        if requirements and self._add(requirements) is not None and len(candidates) > 1:
            half = len(candidates) // 2
            self._keep_scalars(candidates[:half])
            self._keep_scalars(candidates[half:])

    def _add(self, requirements: Sequence[Requirements]) -> tuple[Code, Contradiction] | None:
        """Add the equations of all, or none."""
        for system in self._systems.values():
            system.begin()
        for code, system in self._systems.items():
            batch = concatenated([batch for each in requirements for batch in each.batches(code)])
            contradiction = None if batch is None else system.add(batch)
            if contradiction is not None:
                for other in self._systems.values():
                    other.rollback()
                return code, contradiction
        for system in self._systems.values():
            system.commit()
        return None

    def _explain(self, candidate: Candidate, code: Code, contradiction: Contradiction) -> Reason:
        alive = np.flatnonzero(np.broadcast_to(~candidate.dead, candidate.y_gauge.shape))
        channel = _channel(candidate, int(alive[contradiction.index]))
        demands = [self.units.demands[origin] for origin in contradiction.origins]
        blockers = [demand for demand in demands if demand.node != candidate.node.name]
        if not blockers:
            return _reason(code, channel)
        against = blockers[0]
        return Reason(code, f"{SENTENCES[code]}: {against.node} {against.text}", channel, against.node)

    def settled_units(self) -> dict[str, Unit]:
        """The units of every tensor whose gauge is not the ground."""
        gauges = self.units.gauges
        first = [candidate.y.name for candidate in self.removed]
        order = [*first, *(name for name in gauges if name not in set(first))]
        flat = [gauges[name].reshape(-1) for name in order]
        ids = np.concatenate([np.zeros(0, np.int64), *flat])
        unique = ids[np.sort(np.unique(ids, return_index=True)[1])]
        values: dict[Code, np.ndarray] = {}
        for code, system in self._systems.items():
            system.settle(unique)
            values[code] = _by_id(system, unique)
        gain = np.exp(-values[Code.SCALE]) * np.where(values[Code.SIGN] % 2 == 1, -1.0, 1.0)
        offset = np.where(values[Code.SHIFT] == 0, 0.0, -values[Code.SHIFT] * gain)
        units = {name: Unit(gain[gauges[name]], offset[gauges[name]]) for name in order}
        for candidate in self.removed:
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


def _saving(candidate: Candidate) -> int:
    """Elements per sample that nobody has to compute any more."""
    assert candidate.y.shape is not None
    return math.prod(dim for dim in candidate.y.shape if isinstance(dim, int))


def _channel(candidate: Candidate, flat: int) -> int | None:
    """The channel of an element of the candidate's gauge; None for a scalar."""
    along = [axis for axis, extent in enumerate(candidate.y_gauge.shape) if extent > 1]
    position = np.unravel_index(flat, candidate.y_gauge.shape)
    return int(position[along[0]]) if along else None


def _reason(code: Code, channel: int | None = None) -> Reason:
    return Reason(code, SENTENCES[code], channel)


def _most_lossy(search: _Search, units: Mapping[str, Unit]) -> tuple[Candidate, Reason] | None:
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
                worst = float(bits.max()), candidate, _channel(candidate, int(bits.argmax()))
    if worst is None:
        return None
    bits_lost, candidate, channel = worst
    sentence = f"{SENTENCES[Code.PRECISION]} ({bits_lost:.0f} bits; at most {MAX_LOST_BITS:.0f} are accepted)"
    return candidate, Reason(Code.PRECISION, sentence, channel)


def _plan(network: Network, search: _Search, units: Mapping[str, Unit]) -> Plan:
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
    decisions = []
    for node in network.nodes:
        size = elements(node)
        if size is None:
            continue
        reason = search.reasons.get(node.name)
        if reason is None and node.name not in removed:
            reason = _reason(search.units.refused.get(node.name, Code.NOT_CONSTANT))
        decisions.append(Decision(node.name, node.op, size == 1, into(node) if reason is None else (), reason))
    return Plan(tuple(decisions), units, frozenset(search.units.linear), rewritten)
