"""Merged regions as tables: what became one operator, and what stayed several and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bnfold.merge.plan import Merge, MergePlan, NearMiss
from bnfold.report.ledger import new_table

if TYPE_CHECKING:
    from rich.console import RenderableType

FULL_LIST = 8
"""More merges than this are grouped, unless the user asks for all of them."""


def tables(plan: MergePlan, *, verbose: bool = False) -> list[RenderableType]:
    """One table of what was merged and one of what was not; those that would be empty are left out."""
    parts: list[RenderableType] = []
    if plan.merges:
        everything = verbose or len(plan.merges) <= FULL_LIST
        parts.append(_merged(plan.merges) if everything else _merged_grouped(plan.merges))
    if plan.near_misses:
        parts.append(_missed(plan.near_misses) if verbose else _missed_grouped(plan.near_misses))
    return [padded for part in parts for padded in (part, "")]


def _merged(merges: Sequence[Merge]) -> RenderableType:
    table = new_table("merged", "became", "into")
    for merge in merges:
        table.add_row(_parts(merge), _result(merge), merge.into)
    return table


def _merged_grouped(merges: Sequence[Merge]) -> RenderableType:
    table = new_table("merged", "became", "count", "first into")
    groups: dict[tuple[str, str], list[Merge]] = defaultdict(list)
    for merge in merges:
        groups[_parts(merge), _result(merge)].append(merge)
    for (parts, result), members in groups.items():
        table.add_row(parts, result, str(len(members)), members[0].into)
    return table


def _parts(merge: Merge) -> str:
    counts = Counter(merge.ops)
    return ", ".join(f"{count} {op}" if count > 1 else op for op, count in counts.items())


def _result(merge: Merge) -> str:
    window = merge.window
    if merge.op != "Conv":
        return merge.op
    depthwise = " depthwise" if window.groups == window.inputs > 1 else ""
    return f"Conv {'x'.join(map(str, window.kernel))}{depthwise}"


def _missed(misses: Sequence[NearMiss]) -> RenderableType:
    table = new_table("not merged", "operator", "because")
    for miss in misses:
        table.add_row(miss.node, miss.op, miss.sentence)
    return table


def _missed_grouped(misses: Sequence[NearMiss]) -> RenderableType:
    table = new_table("not merged", "count", "first", "because")
    groups: dict[tuple[str, str], list[NearMiss]] = defaultdict(list)
    for miss in misses:
        groups[miss.op, miss.sentence].append(miss)
    for (op, sentence), members in groups.items():
        table.add_row(op, str(len(members)), members[0].node, sentence)
    return table
