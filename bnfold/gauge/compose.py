"""Affine operators that stay, one behind the other, become one BatchNormalization: a single pass over the tensor."""

from __future__ import annotations

from collections.abc import Mapping

from bnfold.gauge.rules.affine import elements
from bnfold.gauge.search import Search
from bnfold.gauge.units import Candidate


def runs(search: Search) -> Mapping[str, tuple[str, ...]]:
    """Runs of operators to compose, by the name of the last per-channel one that stays: all names in order.

    A run starts and ends with operators that stay; what is removed between two of them belongs to it. Nobody else reads
    the tensors inside, all constants and units lie along axis 1, whose extent is known, and at least one operator that
    stays is per-channel, so that a BatchNormalization is no more to store or to compute.
    """
    kept = {id(candidate) for candidate in search.refused}
    readers = {candidate.x.name: candidate for candidate in search.units.candidates}
    used: set[str] = set()
    found = {}
    for candidate in search.units.candidates:
        if id(candidate) not in kept or candidate.node.name in used or not _per_channel(candidate):
            continue
        run = [candidate]
        while (following := _sole_reader(search, run[-1], readers)) is not None and _per_channel(following):
            run.append(following)
        while id(run[-1]) not in kept:
            run.pop()
        stay = [member.node for member in run if id(member) in kept]
        hosts = [node.name for node in stay if (elements(node) or 1) > 1]
        if len(stay) > 1 and hosts:
            found[hosts[-1]] = names = tuple(member.node.name for member in run)
            used.update(names)
    return found


def _sole_reader(search: Search, candidate: Candidate, readers: Mapping[str, Candidate]) -> Candidate | None:
    name = candidate.y.name
    following = readers.get(name)
    alone = len(search.units.readers.get(name, ())) == 1 and name not in search.units.outputs
    return following if alone else None


def _per_channel(candidate: Candidate) -> bool:
    """Whether constants and units of a candidate fit a BatchNormalization."""
    shape = candidate.y.shape
    if shape is None or len(shape) < 2 or not isinstance(shape[1], int) or not candidate.keepable:
        return False
    arrays = (candidate.affine.scale, candidate.x_gauge, candidate.y_gauge)
    return all(array.size == array.shape[1] for array in arrays if array.ndim > 1 and array.size > 1)
