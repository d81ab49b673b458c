"""Merging as the second stage of a fold: what it means for the decisions of the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bnfold.merge.plan import Apart, MergePlan
from bnfold.plan import Code, Decision, Plan


def kept_apart(plan: Plan) -> Mapping[str, Apart]:
    """Nodes that no merge may take in: affine operators and merges that were withdrawn, now or by an earlier fold."""
    kept = [name for name, reason in plan.remembered.items() if reason.code is Code.WITHDRAWN]
    return dict.fromkeys(kept, Apart.WITHDRAWN)


def with_merges(plan: Plan, merging: MergePlan) -> Plan:
    """The plan of both stages: affine operators inside a merged region are removed, into the merged operator."""
    into = {name: merge.into for merge in merging.merges for name in merge.nodes}

    def after(decision: Decision) -> Decision:
        if decision.node in into and not decision.removed:
            return replace(decision, into=(into[decision.node],), reason=None)
        return replace(decision, into=tuple(dict.fromkeys(into.get(name, name) for name in decision.into)))

    return replace(plan, decisions=tuple(map(after, plan.decisions)), merging=merging)
