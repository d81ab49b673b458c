"""Better than greedy: what was removed first may stand in the way of removals that together save more.

A refusal names the removals it contradicts. Operators tied by such refusals form a small component, in which the best
consistent subset is searched for exactly, all other removals staying as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from bnfold.gauge.search import Search, saving
from bnfold.gauge.units import Candidate

COMPONENT = 8
"""Operators searched exactly at once: at most 2^8 subsets, few of which are consistent."""

COMPONENTS = 32
"""Components looked at in one network; a bound on time, not on correctness."""


def improve(search: Search) -> None:
    """Replace removals by others wherever that saves more; the reasons of what stays are then new ones."""
    tried: set[frozenset[str]] = set()
    for _ in range(COMPONENTS):
        component = _next_component(search, tried)
        if component is None:
            return
        names = {candidate.node.name for candidate in component}
        tried.add(frozenset(names))
        rest = [candidate for candidate in search.removed if candidate.node.name not in names]
        current = [candidate for candidate in search.removed if candidate.node.name in names]
        search.only(rest)
        best = _best_subset(search, sorted(component, key=saving, reverse=True), current)
        if best is current:
            search.only([*rest, *current])
        else:
            search.restart([*rest, *best])


def _next_component(search: Search, tried: set[frozenset[str]]) -> list[Candidate] | None:
    by_name = {candidate.node.name: candidate for candidate in search.units.candidates}
    refused = {candidate.node.name for candidate in search.refused}
    for first in sorted(search.refused, key=saving, reverse=True):
        blockers = search.blockers.get(first.node.name, ())
        if not blockers:
            continue
        rivals = [name for name in refused if set(search.blockers.get(name, ())) & set(blockers)]
        rivals.sort(key=lambda name: saving(by_name[name]), reverse=True)
        names = dict.fromkeys([first.node.name, *blockers[: COMPONENT // 2], *rivals])
        component = [by_name[name] for name in list(names)[:COMPONENT]]
        if frozenset(candidate.node.name for candidate in component) not in tried:
            return component
    return None


def _best_subset(search: Search, candidates: Sequence[Candidate], current: list[Candidate]) -> list[Candidate]:
    """The consistent subset that saves most, by branch and bound; `current` itself unless another saves more."""
    best, best_saving = current, sum(map(saving, current))
    chosen: list[Candidate] = []

    def visit(index: int, saved: int, possible: int) -> None:
        nonlocal best, best_saving
        if saved > best_saving:
            best, best_saving = list(chosen), saved
        if index == len(candidates) or saved + possible <= best_saving:
            return
        candidate = candidates[index]
        gain = saving(candidate)
        for system in search.systems.values():
            system.begin()
        if search.add([candidate.requirements]) is None:
            chosen.append(candidate)
            visit(index + 1, saved + gain, possible - gain)
            chosen.pop()
        search.rollback()
        visit(index + 1, saved, possible - gain)

    visit(0, 0, sum(map(saving, candidates)))
    return best
