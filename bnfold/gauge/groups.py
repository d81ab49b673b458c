"""Which operators touch each other: their equations share an unknown that what holds already leaves open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from bnfold.gauge.search import Search
from bnfold.gauge.units import Candidate


def groups(search: Search, candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Candidates parted so that no two of different groups touch, in the order given."""
    parent = list(range(len(candidates)))

    def root(member: int) -> int:
        while parent[member] != member:
            parent[member] = member = parent[parent[member]]
        return member

    for owners, unknowns in search.unknowns(candidates):
        order = np.lexsort((owners, unknowns))
        owners, unknowns = owners[order], unknowns[order]
        meet = np.flatnonzero((unknowns[1:] == unknowns[:-1]) & (owners[1:] != owners[:-1]))
        for one, other in np.unique(np.stack([owners[meet], owners[meet + 1]]), axis=1).T.tolist():
            parent[root(other)] = root(one)
    members: dict[int, list[Candidate]] = defaultdict(list)
    for index, candidate in enumerate(candidates):
        members[root(index)].append(candidate)
    return list(members.values())
