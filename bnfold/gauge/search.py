"""Which removals fit together: tried from the one that saves most to the one that saves least.

Removing an operator adds equations for all its channels in three systems (log|S|, sign of S, T). What contradicts is
taken back and keeps its reason. A list that fits as a whole needs no single trials, so it is halved on failure instead
of walked; the outcome is that of trying one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from bnfold.gauge.equations import Contradiction, Equations, Ids
from bnfold.gauge.explain import because, channel_of, explained
from bnfold.gauge.linear_system import LinearSystem
from bnfold.gauge.requirements import Pool, Requirements, compiled
from bnfold.gauge.rules.linear import contracted_axis
from bnfold.gauge.units import Candidate, Units
from bnfold.plan import Code, Reason


class Search:
    """A consistent set of removals, and why the others do not fit.

    Attributes:
        units: the network's equations.
        systems: the systems, by what a contradiction is called, holding the structure's equations and those of what is
            removed.
        removed: candidates whose equations hold.
        refused: all other candidates.
        reasons: why, by node name.
        blank: candidates whose output is a constant in some channels that only linear layers read, with the equations
            for that.
        blockers: names of removed operators that a refused one contradicts, by node name; the nearest first.
    """

    def __init__(self, units: Units, withdrawn: Mapping[str, Reason]) -> None:
        """Add what fits, in the order of what it saves.

        Args:
            units: the network's equations.
            withdrawn: operators that must stay, with their reasons.
        """
        self.units = units
        self.removed: list[Candidate] = []
        self.refused: list[Candidate] = []
        self.reasons: dict[str, Reason] = {}
        self.blockers: dict[str, tuple[str, ...]] = {}
        self.systems: dict[Code, LinearSystem] = units.systems()
        open_ = []
        self.blank: dict[Candidate, Requirements] = {}
        for candidate in units.candidates:
            name = candidate.node.name
            if name in withdrawn:
                self._refuse(candidate, withdrawn[name])
            elif candidate.dead.any() and not (self._owns_its_input(candidate) or self._is_blank(candidate)):
                channel = channel_of(candidate, int(np.flatnonzero(candidate.dead)[0]))
                self._refuse(candidate, because(Code.DEAD, channel))
            else:
                open_.append(candidate)
        ranked = sorted(units.candidates, key=saving, reverse=True)
        self._rank = {candidate: rank for rank, candidate in enumerate(ranked)}
        self._pool = Pool([self.blank.get(candidate, candidate.requirements) for candidate in ranked], self.systems)
        self.attempt(open_)

    def attempt(self, candidates: Sequence[Candidate]) -> None:
        """Remove what fits beside what is removed already, tried in the order of what it saves."""
        self._try(self._ranked(candidates))

    def reset(self) -> None:
        """Let the systems hold the structure's equations alone."""
        self.systems = self.units.systems()

    def hold(self, candidates: Sequence[Candidate]) -> None:
        """Add the equations of candidates that are known to fit."""
        conflict = self.add(candidates)
        assert conflict is None

    def replace(self, group: Sequence[Candidate], keep: Sequence[Candidate]) -> None:
        """Of a group, remove `keep`, whose equations hold, and then whatever of the rest fits beside it."""
        gone, kept = set(group), set(keep)
        self.removed = [candidate for candidate in self.removed if candidate not in gone] + list(keep)
        self.refused = [candidate for candidate in self.refused if candidate not in gone]
        for candidate in group:
            self.reasons.pop(candidate.node.name, None)
            self.blockers.pop(candidate.node.name, None)
        self.attempt([candidate for candidate in group if candidate not in kept])

    def fitting(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Those that do not contradict, each taken alone, what holds already."""
        fits = list(candidates)
        for code, system in self.systems.items():
            batch, ends = self._equations(code, fits)
            wrong = set(np.searchsorted(ends, system.contradicted(batch), side="right").tolist())
            fits = [candidate for index, candidate in enumerate(fits) if index not in wrong]
        return fits

    def unknowns(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Ids, Ids]]:
        """For every system, the open unknowns in the equations of candidates: indices of candidates [n], ids [n]."""
        ranked = self._ranked(candidates)
        position = {candidate: index for index, candidate in enumerate(candidates)}
        index = np.asarray([position[candidate] for candidate in ranked], np.int64)
        for code, system in self.systems.items():
            batch, ends = self._equations(code, ranked)
            column, unknowns = system.open(batch)
            yield index[np.searchsorted(ends, column, side="right")], unknowns

    def _ranked(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        return sorted(candidates, key=self._rank.__getitem__)

    def _owns_its_input(self, candidate: Candidate) -> bool:
        """Whether a linear layer writes the input for it alone, and can empty just the channels that are dead."""
        name, gauge = candidate.x.name, self.units.of(candidate.x)
        alone = len(self.units.readers[name]) == 1 and name not in self.units.outputs
        apart = all(extent in (1, own) for extent, own in zip(candidate.dead.shape, gauge.shape, strict=True))
        return alone and apart and name in self.units.linear_outputs

    def _is_blank(self, candidate: Candidate) -> bool:
        """Whether only linear layers read the output, which can take the constant in dead channels into their bias."""
        rank = candidate.dead.ndim
        varying = [axis for axis in range(rank) if candidate.dead.shape[axis] > 1]
        readers = self.units.readers.get(candidate.y.name, ())
        if candidate.y.name in self.units.outputs or len(varying) > 1:
            return False
        for node in readers:
            if node.name not in self.units.linear - self.units.quantized or (
                varying and contracted_axis(node, rank) != varying[0]
            ):
                return False
        dead = np.broadcast_to(candidate.dead, candidate.y_gauge.shape)
        affine = candidate.affine
        shift, size = (np.broadcast_to(part, dead.shape)[dead] for part in (affine.shift, affine.magnitude))
        origin = self.units.demand(candidate.node, "is removed too", removal=True)
        self.blank[candidate] = requirements = candidate.requirements.twin()
        requirements.shift(origin, candidate.y_gauge[dead], [], shift, size)
        return True

    def _refuse(self, candidate: Candidate, reason: Reason) -> None:
        self.reasons[candidate.node.name] = reason
        self.refused.append(candidate)

    def _try(self, candidates: Sequence[Candidate], *, screened: bool = False) -> None:
        if not candidates:
            return
        conflict = self.add(candidates)
        if conflict is None:
            self.removed += candidates
        elif len(candidates) > 1:
            rest = candidates if screened else self._screen(candidates)
            half = len(rest) // 2 if len(rest) == len(candidates) else len(rest)
            self._try(rest[:half], screened=True)
            self._try(rest[half:])
        else:
            code, contradiction = conflict
            alone = self.systems[code].contradicted(self._equations(code, candidates)[0])
            self._refuse(candidates[0], self._explain(candidates[0], code, contradiction, alone))

    def _screen(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Refuse those that contradict, each taken alone, what holds already; returns the others.

        More equations would not make them fit, so they would be refused at their turn.
        """
        for code, system in self.systems.items():
            batch, ends = self._equations(code, candidates)
            wrong = system.contradicted(batch)
            owners, first = np.unique(np.searchsorted(ends, wrong, side="right"), return_index=True)
            for owner, own in zip(owners.tolist(), np.split(wrong, first[1:]), strict=False):
                start = int(ends[owner - 1]) if owner else 0
                conflict = Contradiction(int(own[0]) - start, system.origins(batch.ids[:, own[0]]))
                self._refuse(candidates[owner], self._explain(candidates[owner], code, conflict, own - start))
            refused = set(owners.tolist())
            candidates = [candidate for i, candidate in enumerate(candidates) if i not in refused]
        return candidates

    def stiff(self) -> set[str]:
        """Names of operators that stay and cannot be rewritten for the units of the others."""
        kept = {c.node.name: c.kept for c in self.refused if c.keepable and c.kept is not None}
        return {c.node.name for c in self.refused if not c.keepable} | self.grant(kept).keys()

    def keep_scalars(self) -> None:
        """Where no removal depends on it, an operator that stays keeps its single constant single."""
        wishes = {}
        for candidate in self.refused:
            if candidate.affine.scale.size == 1:
                wishes[candidate.node.name] = original = Requirements()
                origin = self.units.demand(candidate.node, "keeps its single constant")
                for gauge in (candidate.x_gauge, candidate.y_gauge):
                    original.scale(origin, gauge, [])
                    original.shift(origin, gauge, [])
        self.grant(wishes)

    def grant(self, wishes: Mapping[str, Requirements]) -> Mapping[str, tuple[str, ...]]:
        """Add what fits beside the removals, in this order.

        Returns:
            For each of the others what forbids it: removals, or, if these only do together with wishes that were
            granted before, the nodes of those.
        """
        names = list(wishes)
        together = [*wishes.values()]
        conflict = self._add(lambda code: compiled(code, [s for each in together for s in each.statements(code)]))
        if conflict is None:
            return {}
        if len(names) == 1:
            code, contradiction = conflict
            origins = [contradiction.origins, *self._contradicting(code, together[0])]
            return {names[0]: tuple(dict.fromkeys(name for each in origins for name in self._forbidding(each)))}
        half = len(names) // 2
        parts = (dict(list(wishes.items())[span]) for span in (slice(half), slice(half, None)))
        return {name: blockers for part in parts for name, blockers in self.grant(part).items()}

    def _contradicting(self, code: Code, wish: Requirements) -> Iterator[tuple[int, ...]]:
        """For every statement of a wish that contradicts, taken alone, what holds: who asked for that."""
        for statement in wish.statements(code):
            equations = compiled(code, [statement])
            for index in self.systems[code].contradicted(equations)[:1]:
                yield self.systems[code].origins(equations.ids[:, index])

    def _forbidding(self, origins: Sequence[int]) -> list[str]:
        demands = [self.units.demands[origin] for origin in origins]
        removals = [demand.node for demand in demands if demand.removal]
        return removals or [demand.node for demand in demands if demand.node in self.units.wishes]

    def add(self, candidates: Sequence[Candidate]) -> tuple[Code, Contradiction] | None:
        """Add the equations of all, or none and say what contradicts."""
        ranked = self._ranked(candidates)
        return self._add(lambda code: self._equations(code, ranked)[0])

    def _equations(self, code: Code, ranked: Sequence[Candidate]) -> tuple[Equations, Ids]:
        return self._pool.take(code, [self._rank[candidate] for candidate in ranked])

    def _add(self, equations: Callable[[Code], Equations]) -> tuple[Code, Contradiction] | None:
        self.begin()
        for code, system in self.systems.items():
            contradiction = system.add(equations(code))
            if contradiction is not None:
                self.rollback()
                return code, contradiction
        self.commit()
        return None

    def begin(self) -> None:
        """What is added to the systems from here on can be taken back; calls nest."""
        for system in self.systems.values():
            system.begin()

    def commit(self) -> None:
        """Keep what was added since the systems' last `begin`."""
        for system in self.systems.values():
            system.commit()

    def rollback(self) -> None:
        """Take back what was added since the systems' last `begin`."""
        for system in self.systems.values():
            system.rollback()

    def _explain(self, candidate: Candidate, code: Code, contradiction: Contradiction, alone: Ids) -> Reason:
        """Why a candidate does not fit; keeps what blocks it."""
        reason, self.blockers[candidate.node.name] = explained(
            candidate, code, contradiction, alone, self.units.demands, blank=candidate in self.blank
        )
        return reason


def saving(candidate: Candidate) -> int:
    """Elements per sample that nobody has to compute any more."""
    assert candidate.x.shape is not None
    return math.prod(dim for dim in candidate.x.shape if isinstance(dim, int))
