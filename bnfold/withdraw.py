"""After a failed proof: withdraw the removals that the error lies on, so that the rest can be solved again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol, TypeVar

from bnfold.plan import SENTENCES, Code, Plan, Reason
from bnfold.verification.verdict import Verification

ROUNDS = 3
"""How often at most; a proof that then still fails has failed."""

Withdrawn = Mapping[str, Reason]


class Attempt(Protocol):
    """What was made by carrying a plan out."""

    @property
    def plan(self) -> Plan: ...


T = TypeVar("T", bound=Attempt)
P = TypeVar("P")


def until_proven(
    attempt: Callable[[Withdrawn], T], prove: Callable[[T], tuple[Verification, P]]
) -> tuple[T, Verification, P]:
    """The first attempt that is proven, or the last one made.

    Args:
        attempt: solves without the removals it is given, by node name, and carries the plan out.
        prove: judges what was made, and may find more.

    Returns:
        What was made, its verification, and what else was found; sentences in front of the verification tell what was
        withdrawn on the way.
    """
    withdrawn: dict[str, Reason] = {}
    told: list[str] = []
    while True:
        made = attempt(withdrawn)
        found, more = prove(made)
        guilty = suspects(made.plan, found) if len(told) < ROUNDS else {}
        if not guilty:
            return made, replace(found, sentences=(*told, *found.sentences)), more
        withdrawn |= guilty
        told.append(_sentence(len(told) + 1, guilty, found))


def suspects(plan: Plan, found: Verification) -> dict[str, Reason]:
    """The removals and merges (by the node that they become) on the way to the first wrong or worse tensor.

    None if the rewrite is right and rounds well: another plan mends no file that stores something else.
    """
    blame, algebra = found.blame, found.algebra
    if blame is None or algebra is None or (algebra.max_rel <= algebra.bound and not algebra.holds):
        return {}
    ours, theirs = set(blame.reference), set(blame.candidate)
    what = f"rounding grew at {blame.site.tensor}" if algebra.holds else f"{blame.site.tensor} differed"
    sentence = f"{SENTENCES[Code.WITHDRAWN]}: {what}"
    reason = Reason(Code.WITHDRAWN, sentence, against=blame.site.node)
    merged = [merge.into for merge in plan.merging.merges if merge.into in theirs or ours.intersection(merge.nodes)]
    removed = [
        decision.node
        for decision in plan.decisions
        if decision.removed and (decision.node in ours or theirs.intersection(decision.into))
    ]
    return dict.fromkeys([*removed, *merged], reason)


def _sentence(number: int, guilty: Withdrawn, found: Verification) -> str:
    assert found.blame is not None
    names = ", ".join(list(guilty)[:4]) + (f" and {len(guilty) - 4} more" if len(guilty) > 4 else "")
    failed = "rounding grew" if found.algebra is not None and found.algebra.holds else "the proof failed"
    return (
        f"Round {number} of at most {ROUNDS}: {failed} at {found.blame.site.tensor}, so the removal of {names} "
        "was withdrawn and the rest solved again."
    )
