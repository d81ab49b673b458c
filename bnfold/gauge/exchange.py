"""Better than greedy: what was removed first may stand in the way of removals that together save more.

A refusal names the nearest removals that it contradicts. All removals that nobody names are taken for settled. Beside
them, the named and the refused fall apart into groups that do not touch each other. In a small group the best
consistent subset is found exactly; a large one is searched through a window around each refusal, all else in the group
staying as it is. What cannot have its turn because the settled contradict it too then names everything that it
excludes, unless that saves more than all the refused would together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bnfold.gauge.equations import Ids
from bnfold.gauge.groups import groups
from bnfold.gauge.search import Search, saving
from bnfold.gauge.units import Candidate

GROUP = 32
"""The largest group that is searched as a whole."""

WINDOW = 32
"""Operators of a larger group that are searched exactly at once."""

EFFORT = 8
"""So many times the equations of all operators may be looked at again; a bound on time, not on correctness."""

FLOOR = 2000
"""Operators that may be looked at again in any case."""


def improve(search: Search) -> None:
    """Replace removals by others wherever that saves more; the reasons of what stays are then new ones."""
    effort = _Effort(FLOOR + EFFORT * len(search.units.candidates))
    while any(search.blockers.values()) and _round(search, effort):
        pass


class _Effort:
    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self, amount: int) -> bool:
        """Whether so much is left to spend."""
        self.left -= amount
        return self.left >= 0


def _round(search: Search, effort: _Effort) -> bool:
    """Search all groups once; returns whether settled removals are now in the way of something."""
    movable = _named(search)
    settled = {candidate for candidate in search.removed if candidate.node.name not in movable}
    search.reset()
    search.hold(list(settled))
    touched = [candidate for candidate in search.removed if candidate not in settled]
    touched += [candidate for candidate in search.refused if candidate.node.name in search.blockers]
    for group in groups(search, touched):
        for window in _windows(search, group):
            _improve_window(search, group, window, effort)
    rivals = [candidate for candidate in search.refused if search.blockers.get(candidate.node.name)]
    fits = set(search.fitting(rivals))
    search.hold([candidate for candidate in search.removed if candidate not in settled])
    _name_all(search, [candidate for candidate in rivals if candidate not in fits], effort)
    return not _named(search) <= movable


def _name_all(search: Search, rivals: Sequence[Candidate], effort: _Effort) -> None:
    """Let refused candidates name all removals that each excludes, where something else might save more than those."""
    if not rivals:
        return
    most = sum(saving(candidate) for candidate in search.refused if candidate.node.name in search.blockers)
    systems = search.systems
    search.reset()
    for candidate, near in zip(rivals, _touching(search, rivals), strict=True):
        if not effort.spend(1 + len(near)):
            break
        search.begin()
        fits = set(search.fitting(near) if search.add([candidate]) is None else near)
        search.rollback()
        excluded = [other for other in near if other not in fits]
        if sum(map(saving, excluded)) < most:
            names = (*search.blockers[candidate.node.name], *(other.node.name for other in excluded))
            search.blockers[candidate.node.name] = tuple(dict.fromkeys(names))
    search.systems = systems


def _touching(search: Search, rivals: Sequence[Candidate]) -> Iterator[list[Candidate]]:
    """For each candidate the removals whose equations share with its own an unknown that the systems leave open."""
    candidates = [*rivals, *search.removed]
    shares: list[tuple[Ids, Ids]] = []
    for owners, unknowns in search.unknowns(candidates):
        shared = np.isin(unknowns, unknowns[owners < len(rivals)])
        shares.append((owners[shared], unknowns[shared]))
    for index in range(len(rivals)):
        near = {int(i) for owners, unknowns in shares for i in owners[np.isin(unknowns, unknowns[owners == index])]}
        yield [candidates[i] for i in sorted(near) if i >= len(rivals)]


def _named(search: Search) -> set[str]:
    return {name for names in search.blockers.values() for name in names}


def _windows(search: Search, group: Sequence[Candidate]) -> Iterator[list[Candidate]]:
    """The group itself if it is small; else, for every refusal, what it contradicts and who contradicts the same."""
    if len(group) <= GROUP:
        if any(search.blockers.get(candidate.node.name) for candidate in group):
            yield list(group)
        return
    by_name = {candidate.node.name: candidate for candidate in group}
    seen: set[frozenset[str]] = set()
    for first in sorted(group, key=saving, reverse=True):
        blockers = [name for name in search.blockers.get(first.node.name, ()) if name in by_name]
        if not blockers:
            continue
        rivals = [name for name in by_name if set(search.blockers.get(name, ())) & set(blockers)]
        rivals.sort(key=lambda name: saving(by_name[name]), reverse=True)
        names = list(dict.fromkeys([first.node.name, *blockers[: WINDOW // 2], *rivals]))[:WINDOW]
        if frozenset(names) not in seen:
            seen.add(frozenset(names))
            yield [by_name[name] for name in names]


def _improve_window(search: Search, group: Sequence[Candidate], window: list[Candidate], effort: _Effort) -> None:
    removed = [candidate for candidate in group if candidate.node.name not in search.reasons]
    inside = set(window)
    fixed = [candidate for candidate in removed if candidate not in inside]
    current = [candidate for candidate in removed if candidate in inside]
    if not effort.spend(len(fixed)):
        return
    search.begin()
    search.hold(fixed)
    best = _best_subset(search, window, sum(map(saving, current)), effort)
    if best is not None:
        search.hold(best)
        search.replace(group, [*fixed, *best])
    search.rollback()


def _best_subset(search: Search, window: list[Candidate], least: int, effort: _Effort) -> list[Candidate] | None:
    """The consistent subset that saves most, by branch and bound; None unless it saves more than `least`."""
    window = sorted(window, key=saving, reverse=True)
    apart = _excluding_pairs(search, window, effort)
    best: list[Candidate] | None = None
    chosen: list[Candidate] = []

    def visit(open_: list[Candidate], saved: int) -> None:
        nonlocal best, least
        if saved + _bound(open_, apart) <= least or not effort.spend(len(open_)):
            return
        if not any(apart[candidate] & set(open_) for candidate in open_):
            search.begin()
            fits = search.add(open_) is None
            search.rollback()
            if fits:
                best, least = [*chosen, *open_], saved + sum(map(saving, open_))
                return
        first, *others = open_
        search.begin()
        if search.add([first]) is None:
            chosen.append(first)
            visit([candidate for candidate in others if candidate not in apart[first]], saved + saving(first))
            chosen.pop()
        search.rollback()
        visit(others, saved)

    visit([candidate for candidate in window if candidate not in apart[candidate]], 0)
    return best


def _excluding_pairs(search: Search, window: Sequence[Candidate], effort: _Effort) -> dict[Candidate, set[Candidate]]:
    """For every candidate those that do not fit beside it; itself if it does not fit at all."""
    apart: dict[Candidate, set[Candidate]] = {candidate: set() for candidate in window}
    for index, candidate in enumerate(window):
        others = window[index + 1 :]
        if not effort.spend(1 + len(others)):
            break
        search.begin()
        if search.add([candidate]) is None:
            fits = set(search.fitting(others))
            for other in others:
                if other not in fits:
                    apart[candidate].add(other)
                    apart[other].add(candidate)
        else:
            apart[candidate].add(candidate)
        search.rollback()
    return apart


def _bound(candidates: Sequence[Candidate], apart: Mapping[Candidate, set[Candidate]]) -> int:
    """No consistent subset saves more: of candidates that exclude each other, only the first and largest counts."""
    cliques: list[list[Candidate]] = []
    for candidate in candidates:
        clique = next((clique for clique in cliques if apart[candidate].issuperset(clique)), None)
        if clique is None:
            cliques.append([candidate])
        else:
            clique.append(candidate)
    return sum(saving(clique[0]) for clique in cliques)
