"""The ledger as tables: what folded into what, and what stayed and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from bnfold.plan import Decision, Reason

if TYPE_CHECKING:
    from rich.console import RenderableType

FULL_LIST = 24
"""Longer lists are grouped, unless the user asks for all of it."""


def tables(decisions: Sequence[Decision], *, verbose: bool = False) -> list[RenderableType]:
    """One table of what goes and one of what stays; those that would be empty are left out."""
    removed = [decision for decision in decisions if decision.removed]
    kept = [decision for decision in decisions if not decision.removed]
    parts: list[RenderableType] = []
    if removed:
        parts.append(_removed(removed) if verbose or len(removed) <= FULL_LIST else _removed_grouped(removed))
    if kept:
        parts.append(_kept(kept) if verbose or len(kept) <= FULL_LIST else _kept_grouped(kept))
    return parts


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _removed(decisions: Sequence[Decision]) -> Table:
    table = _table("removed", "operator", "into")
    for decision in decisions:
        table.add_row(decision.node, decision.op, _names(decision.into) or "nothing: it changes no value")
    return table


def _names(nodes: Sequence[str]) -> str:
    shown = ", ".join(nodes[:2])
    return shown if len(nodes) <= 2 else f"{shown} and {len(nodes) - 2} more"


def _removed_grouped(decisions: Sequence[Decision]) -> Table:
    table = _table("removed", "count", "first", "into")
    groups: dict[str, list[Decision]] = defaultdict(list)
    for decision in decisions:
        groups[_kind(decision)].append(decision)
    for kind, members in groups.items():
        table.add_row(kind, str(len(members)), members[0].node, _names(members[0].into))
    return table


def _kind(decision: Decision) -> str:
    return f"{decision.op}, scalar" if decision.scalar else decision.op


def _kept(decisions: Sequence[Decision]) -> Table:
    table = _table("kept", "operator", "because")
    for decision in decisions:
        reason = decision.reason
        assert reason is not None
        table.add_row(decision.node, _kind(decision), reason.sentence + _channels(reason))
    return table


def _channels(reason: Reason) -> str:
    if len(reason.channels) > 1:
        shown = ", ".join(map(str, reason.channels[:4]))
        more = len(reason.channels) - 4
        return f" (channels {shown}{f' and {more} more' if more > 0 else ''})"
    return "" if reason.channel is None else f" (channel {reason.channel})"


def _kept_grouped(decisions: Sequence[Decision]) -> Table:
    table = _table("kept", "count", "first", "because")
    counts = Counter((_kind(d), d.reason.code) for d in decisions if d.reason is not None)
    for (kind, code), count in counts.most_common():
        first = next(d for d in decisions if d.reason and _kind(d) == kind and d.reason.code == code)
        assert first.reason is not None
        table.add_row(kind, str(count), first.node, first.reason.sentence)
    return table
