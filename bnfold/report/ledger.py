"""The ledger as tables: what folded into what, and what stayed and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from bnfold.plan import REMEDIES, SENTENCES, Code, Decision, Reason

if TYPE_CHECKING:
    from rich.console import RenderableType

FULL_LIST = 24
"""Longer lists of what goes are grouped, unless the user asks for all of it."""

FEW_KEPT = 8
"""The same for what stays, where every operator has a sentence."""

LONGEST = 34
"""Longer names of examples are cut."""

RUNS = 4
"""So many runs of channels are named."""


def tables(decisions: Sequence[Decision], *, verbose: bool = False) -> list[RenderableType]:
    """What goes, what stays and why, and, if the user asks for all, what would help; empty tables are left out."""
    removed = [decision for decision in decisions if decision.removed]
    kept = [decision for decision in decisions if not decision.removed]
    parts: list[RenderableType] = []
    if removed:
        parts.append(_removed(removed) if verbose or len(removed) <= FULL_LIST else _removed_grouped(removed))
    if kept:
        few = len(kept) <= FEW_KEPT
        hint = f"--verbose says {'' if few else 'of every operator what stands in its way, and '}what would help."
        parts.append(_kept(kept) if verbose or few else _kept_grouped(kept))
        parts.append(_remedies(kept) if verbose else Text(hint, style="dim"))
    return [padded for part in parts for padded in (part, "")]


def new_table(*headings: str) -> Table:
    """An empty table of the ledger's look."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _removed(decisions: Sequence[Decision]) -> Table:
    table = new_table("removed", "operator", "into")
    for decision in decisions:
        table.add_row(decision.node, decision.op, _into(decision))
    return table


def _into(decision: Decision) -> str:
    return _names(decision) or "nothing: it changes no value"


def _names(decision: Decision) -> str:
    """The first two nodes that take it up, those in another form first."""
    nodes = sorted(decision.into, key=lambda name: name not in decision.forms)
    shown = ", ".join(_with_form(name, decision) for name in nodes[:2])
    return shown if len(nodes) <= 2 else f"{shown} and {len(nodes) - 2} more"


def _with_form(name: str, decision: Decision) -> str:
    """A node with the operators that take its place; where it takes its own, only these."""
    steps = " + ".join(decision.forms.get(name, ()))
    if not steps:
        return name
    return f"{steps} in its place" if name == decision.node else f"{name} as {steps}"


def _removed_grouped(decisions: Sequence[Decision]) -> Table:
    table = new_table("removed", "count", "first", "into")
    groups: dict[tuple[str, frozenset[str]], list[Decision]] = defaultdict(list)
    names = {decision.node for decision in decisions}
    for decision in decisions:
        groups[_kind(decision), _forms(decision, names)].append(decision)
    for (kind, _), members in groups.items():
        table.add_row(kind, str(len(members)), members[0].node, _into(members[0]))
    return table


def _forms(decision: Decision, affine: set[str]) -> frozenset[str]:
    """The forms that are there because of it; what other affine operators became is not."""
    forms = [steps for name, steps in decision.forms.items() if name == decision.node or name not in affine]
    return frozenset(" + ".join(steps) for steps in forms)


def _kind(decision: Decision) -> str:
    return f"{decision.op}, scalar" if decision.scalar else decision.op


def _kept(decisions: Sequence[Decision]) -> Table:
    table = new_table("kept", "operator", "because")
    for decision in decisions:
        reason = decision.reason
        assert reason is not None
        table.add_row(decision.node, _kind(decision), reason.sentence + _channels(reason))
    return table


def _channels(reason: Reason) -> str:
    if len(reason.channels) > 1:
        runs = _runs(reason.channels)
        shown = ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs[:RUNS])
        more = sum(last - first + 1 for first, last in runs[RUNS:])
        return f" (channels {shown}{f' and {more} more' if more else ''})"
    return "" if reason.channel is None else f" (channel {reason.channel})"


def _runs(channels: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending channels as runs without gaps: the first and the last of each."""
    runs: list[tuple[int, int]] = []
    for channel in channels:
        if runs and channel == runs[-1][1] + 1:
            runs[-1] = runs[-1][0], channel
        else:
            runs.append((channel, channel))
    return runs


def _kept_grouped(decisions: Sequence[Decision]) -> Table:
    table = new_table("kept", "count", "because", "for example")
    groups: dict[tuple[str, Code], list[Decision]] = defaultdict(list)
    for decision in decisions:
        if decision.reason is not None:
            groups[_kind(decision), decision.reason.code].append(decision)
    for (kind, code), members in sorted(groups.items(), key=lambda group: -len(group[1])):
        table.add_row(kind, str(len(members)), SENTENCES[code], _end(members[0].node))
    return table


def _end(name: str) -> str:
    """A name that fits its column: of a long one the end, which tells layers apart."""
    return name if len(name) <= LONGEST else f"…{name[1 - LONGEST :]}"


def _remedies(decisions: Sequence[Decision]) -> Table:
    table = new_table("because", "count", "what would help")
    reasons = [decision.reason for decision in decisions if decision.reason is not None]
    for code, count in Counter(reason.code for reason in reasons).most_common():
        remedies = {reason.remedy for reason in reasons if reason.code is code}
        table.add_row(SENTENCES[code], str(count), remedies.pop() if len(remedies) == 1 else REMEDIES[code])
    return table
