"""How a terminal shows what changed between two models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from bnfold.difference import Changed, Constants, Difference, Vanished
from bnfold.report.ledger import new_table

if TYPE_CHECKING:
    from rich.console import RenderableType

FEW = 8
"""Longer lists of nodes are grouped, unless the user asks for all of them."""


def difference(found: Difference, *, verbose: bool = False) -> list[RenderableType]:
    """Operators, nodes, constants and interface; what did not change is left out."""
    if found.nothing:
        return [Text("The models are the same: operators, connections and every constant.", style="bold")]
    parts: list[RenderableType] = [_operators(found)]
    if found.vanished:
        parts.append(_vanished(found.vanished, verbose=verbose))
    if found.new:
        parts.append(_new(found.new, verbose=verbose))
    if found.changed:
        parts.append(_changed(found.changed, verbose=verbose))
    told = [_constants(found.constants), *(Text(sentence, style="yellow") for sentence in found.interface)]
    if not found.interface:
        told.append(Text("Inputs and outputs are the same."))
    return [*(padded for part in parts for padded in (part, "")), *told]


def _operators(found: Difference) -> RenderableType:
    table = new_table("operator", "before", "after", "change")
    for column in table.columns[1:]:
        column.justify = "right"
    for op, (before, after) in found.operators.items():
        if before != after:
            table.add_row(op, str(before), str(after), f"{after - before:+d}")
    totals = [sum(counts[side] for counts in found.operators.values()) for side in (0, 1)]
    table.add_row("all", *map(str, totals), f"{totals[1] - totals[0]:+d}" if totals[0] != totals[1] else "0")
    return table


def _vanished(nodes: Sequence[Vanished], *, verbose: bool) -> RenderableType:
    if verbose or len(nodes) <= FEW:
        table = new_table("vanished", "operator", "where it went")
        for node in nodes:
            table.add_row(node.node, node.op, _where(node))
        return table
    groups: dict[tuple[str, bool, bool], list[Vanished]] = defaultdict(list)
    for node in nodes:
        groups[node.op, node.written_by is not None, bool(node.near)].append(node)
    table = new_table("vanished", "count", "for example", "where it went")
    for (op, *_), members in groups.items():
        table.add_row(op, str(len(members)), members[0].node, _where(members[0]))
    return table


def _where(node: Vanished) -> str:
    told = [] if node.written_by is None else [f"{node.written_by} writes its output"]
    if node.near:
        more = f" and {len(node.near) - 2} more" if len(node.near) > 2 else ""
        told.append(f"changed near it: {', '.join(node.near[:2])}{more}")
    return "; ".join(told) or "nothing near it changed"


def _new(nodes: Sequence[tuple[str, str]], *, verbose: bool) -> RenderableType:
    if verbose or len(nodes) <= FEW:
        table = new_table("new", "operator")
        for node, op in nodes:
            table.add_row(node, op)
        return table
    groups: dict[str, list[str]] = defaultdict(list)
    for node, op in nodes:
        groups[op].append(node)
    table = new_table("new", "count", "for example")
    for op, members in groups.items():
        table.add_row(op, str(len(members)), members[0])
    return table


def _changed(nodes: Sequence[Changed], *, verbose: bool) -> RenderableType:
    if verbose or len(nodes) <= FEW:
        table = new_table("changed", "operator", "what")
        for node in nodes:
            table.add_row(node.node, node.op, ", ".join(node.what))
        return table
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for node in nodes:
        groups[node.op, node.what].append(node.node)
    table = new_table("changed", "count", "what", "for example")
    for (op, what), members in groups.items():
        table.add_row(op, str(len(members)), ", ".join(what), members[0])
    return table


def _constants(found: Constants) -> Text:
    counts = (
        (len(found.changed), "changed"),
        (len(found.gone), "gone"),
        (len(found.new), "new"),
        (len(found.same), "bit for bit the same"),
    )
    return Text(
        f"Constants: {', '.join(f'{count} {what}' for count, what in counts if count) or 'none'}.", style="bold"
    )
