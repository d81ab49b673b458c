"""Solve, carry out, and withdraw what leaves the range of a stored type, until nothing does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from bnfold.gauge.solve import solve
from bnfold.merge.plan import Apart, MergePlan
from bnfold.merge.search import find_merges
from bnfold.network import Network
from bnfold.objective import Objective
from bnfold.plan import SENTENCES, Code, Plan, Reason
from bnfold.rewrite import OutOfRangeError

T = TypeVar("T")


def solve_in_range(
    network: Network,
    attempt: Callable[[Plan], T],
    withdrawn: Mapping[str, Reason] | None = None,
    objective: Objective = Objective.LATENCY,
) -> tuple[Plan, T]:
    """The best plan that can be stored, and what carrying it out returned.

    Args:
        network: the facts.
        attempt: carries a plan out on a copy of the model; raises OutOfRangeError if a new constant does not fit.
        withdrawn: removals that are not to be planned, by node name.
        objective: what the fold is for.

    Raises:
        OutOfRangeError: a constant does not fit and no removal is to blame.
    """
    refused = dict(withdrawn or {})
    while True:
        plan = solve(network, refused, objective)
        try:
            return plan, attempt(plan)
        except OutOfRangeError as overflow:
            reason = Reason(Code.RANGE, f"{SENTENCES[Code.RANGE]}: {overflow.node}", against=overflow.node)
            guilty = {d.node: reason for d in plan.decisions if overflow.node in d.into}
            if not guilty:
                raise
            refused |= guilty


def merge_in_range(
    network: Network, apart: Mapping[str, Apart], attempt: Callable[[MergePlan], T]
) -> tuple[MergePlan, T]:
    """The best merges that can be stored, and what carrying them out returned.

    Args:
        network: the facts.
        apart: nodes that must not take part, with the reason.
        attempt: as of `solve_in_range`.

    Raises:
        OutOfRangeError: a constant does not fit and no merge is to blame.
    """
    apart = dict(apart)
    while True:
        plan = find_merges(network, apart)
        try:
            return plan, attempt(plan)
        except OutOfRangeError as overflow:
            if all(merge.into != overflow.node for merge in plan.merges):
                raise
            apart[overflow.node] = Apart.RANGE
