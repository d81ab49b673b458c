"""What was folded and what stayed, grouped."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bnfold.plan import REMEDIES, SENTENCES, Code
from bnfold.report.content.table import Data, Name, Table, error, plural, table

NAMED = 4
"""So many nodes that take up an operator are named; JSON has them all."""


@dataclass(frozen=True)
class Group:
    """Operators of one kind that share a fate.

    Attributes:
        kind: ONNX operator.
        title: what became of them, or why they stayed.
        help: what a user could change; empty for what went.
        members: name of each and what is to be said of it alone.
    """

    kind: str
    title: str
    help: str
    members: tuple[tuple[str, str], ...]


def removed(data: Data) -> list[Group]:
    """By operator, and by the operators that took their place."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for item in data["decisions"]:
        if item["status"] == "removed":
            own = " + ".join(item["forms"].get(item["node"], ()))
            title = f"became {own}" if own else "folded away"
            found[_kind(item), title].append((item["node"], _into(item["into"])))
    return [Group(kind, title, "", tuple(members)) for (kind, title), members in found.items()]


def _into(nodes: Sequence[str]) -> str:
    more = f" and {len(nodes) - NAMED} more" if len(nodes) > NAMED else ""
    return f"into {', '.join(nodes[:NAMED])}{more}" if nodes else "it changes no value"


def kept(data: Data) -> list[Group]:
    """By operator and reason, the most frequent first."""
    found: dict[tuple[str, str], list[Data]] = defaultdict(list)
    for item in data["decisions"]:
        if item["reason"] is not None:
            found[_kind(item), item["reason"]["code"]].append(item)
    groups = [
        Group(kind, _sentence(code), _help(code, members), tuple((m["node"], _detail(m)) for m in members))
        for (kind, code), members in found.items()
    ]
    return sorted(groups, key=lambda group: -len(group.members))


def _kind(item: Data) -> str:
    return f"{item['op']}, scalar" if item["scalar"] else str(item["op"])


def _sentence(code: str) -> str:
    return SENTENCES[Code(code)] if code in set(Code) else code


def _help(code: str, members: Sequence[Data]) -> str:
    """What would help: at this place, if that is the same for all, else in general."""
    remedies = {str(member["reason"]["remedy"]) for member in members}
    return remedies.pop() if len(remedies) == 1 or code not in set(Code) else REMEDIES[Code(code)]


def _detail(item: Data) -> str:
    reason = item["reason"]
    detail = reason["sentence"].removeprefix(_sentence(reason["code"])).lstrip(": ")
    count = len(reason["channels"])
    where = f"{count} channels" if count > 1 else "" if reason["channel"] is None else f"channel {reason['channel']}"
    return f"{detail} ({where})" if detail and where else detail or where


def merges(data: Data) -> Table | None:
    """Regions that became one operator, grouped by what they were."""
    found: dict[tuple[str, str], list[Data]] = defaultdict(list)
    for merge in data["merges"]:
        parts = ", ".join(f"{count} {op}" if count > 1 else op for op, count in Counter(merge["ops"]).items())
        kernel = "×".join(map(str, merge["kernel"]))
        found[parts, f"{merge['op']} {kernel}" if merge["op"] == "Conv" else merge["op"]].append(merge)
    rows = [(parts, became, str(len(members)), Name(members[0]["into"])) for (parts, became), members in found.items()]
    return table(("merged", "became", "count", "first into"), rows, [2])


def layout(data: Data) -> str:
    """Redundant operators that only moved or named data; nothing where there were none."""
    kinds = data.get("layout", {})
    listed = ", ".join(f"{count} {op}" for op, count in kinds.items())
    return f"{plural(sum(kinds.values()), 'operator')} that only move or name data went too: {listed}." if kinds else ""


def near_misses(data: Data) -> Table | None:
    """Linear operators that stay several, grouped by why."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for miss in data["near_misses"]:
        found[miss["op"], miss["sentence"]].append(miss["node"])
    rows = [(op, str(len(nodes)), Name(nodes[0]), sentence) for (op, sentence), nodes in found.items()]
    return table(("not merged", "count", "first", "because"), rows, [1])


def summary(groups: Sequence[Group]) -> Table | None:
    """The groups with their counts and one example each."""
    if any(group.help for group in groups):
        rows = [(g.kind, str(len(g.members)), g.title, g.help, Name(g.members[0][0])) for g in groups]
        return table(("kept", "count", "because", "what would help", "for example"), rows, [1])
    rows_of_removed = [(g.kind, str(len(g.members)), g.title, Name(g.members[0][0]), g.members[0][1]) for g in groups]
    return table(("removed", "count", "what became of it", "for example", ""), rows_of_removed, [1])


def counts(data: Data) -> Table | None:
    """Affine operators, all operators, multiply-adds and size, before and after."""
    rows: list[tuple[str, ...]] = []
    for name, key in (("per-channel affine operators", "affine"), ("scalar affine operators", "scalar")):
        if data[key]["before"]:
            rows.append((name, f"{data[key]['before']:,}", f"{data[key]['after']:,}"))
    details = data.get("details")
    if details is not None:
        totals = [sum(details[side]["operators"].values()) for side in ("before", "after")]
        rows.append(("operators in the file", *(f"{total:,}" for total in totals)))
        rows.append(("file size, MB", *(f"{details[side]['size_bytes'] / 1e6:,.2f}" for side in ("before", "after"))))
    work = data["price"]["multiply_adds"]
    if work["before"]:
        rows.append(("multiply-adds a sample", f"{work['before']:,}", f"{work['after']:,}"))
    return table(("", "before", "after"), rows, [1, 2])


def operators(data: Data) -> Table | None:
    """Every kind of operator of which the two files have different numbers."""
    details = data.get("details")
    if details is None:
        return None
    before, after = (details[side]["operators"] for side in ("before", "after"))
    rows = [
        (Name(op), str(before.get(op, 0)), str(after.get(op, 0)), f"{after.get(op, 0) - before.get(op, 0):+d}")
        for op in sorted({*before, *after})
        if before.get(op) != after.get(op)
    ]
    return table(("operator", "before", "after", "change"), rows, [1, 2, 3])


def half(data: Data) -> Table | None:
    """The outputs of the model in float16."""
    if "half" not in data:
        return None
    rows = [
        (Name(o["name"]), error(o["error"]), error(o["original"]), error(o["allowed"])) for o in data["half"]["outputs"]
    ]
    return table(("output in float16", "error", "of the original", "allowed"), rows, [1, 2, 3])
