"""A network in sections short enough to draw, cut where little flows from one to the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FEWEST, ENOUGH, MOST = 4, 8, 36
"""Nodes of a section: at least; so many end at any cut between layers; at most."""
SEPARATORS = "/._:"

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """A part of both networks.

    Attributes:
        title: what its nodes have in common, or the first and the last of them.
        before, after: nodes as the report has them, in network order.
    """

    title: str
    before: tuple[Node, ...]
    after: tuple[Node, ...]


def sections(before: Sequence[Node], after: Sequence[Node]) -> list[Section]:
    """Both networks in parts; a node of the second belongs where the first has its name, or what it computes."""
    parts = _cut(before)
    home = {node["name"]: number for number, part in enumerate(parts) for node in part}
    writers = {name: number for number, part in enumerate(parts) for node in part for name in node["outputs"]}
    inside: list[list[Node]] = [[] for _ in parts] or [[]]
    for node in after:
        places = [home.get(node["name"]), *(writers.get(name) for name in (*node["outputs"], *node["inputs"]))]
        number = next((place for place in places if place is not None), len(inside) - 1)
        inside[number].append(node)
        writers |= {name: number for name in node["outputs"] if name not in writers}
    return [
        Section(_title(part or theirs), tuple(part), tuple(theirs))
        for part, theirs in zip(parts or [[]], inside, strict=True)
        if part or theirs
    ]


def _cut(nodes: Sequence[Node]) -> list[list[Node]]:
    """Cut where a single tensor lives on: one that branches, or any if the part is long; else where the fewest do."""
    live = _live(nodes)
    readers = Counter(name for node in nodes for name in set(node["inputs"]))
    parts, start = [], 0
    while start < len(nodes):
        ends = range(start + FEWEST, min(start + MOST, len(nodes)) + 1)
        good = (
            end
            for end in ends
            if live[end] <= 1
            and (end - start >= ENOUGH or any(readers[name] > 1 for name in nodes[end - 1]["outputs"]))
        )
        end = next(good, min(reversed(ends), key=lambda end: live[end], default=len(nodes)))
        end = len(nodes) if len(nodes) - end < FEWEST else end
        parts.append(list(nodes[start:end]))
        start = end
    return parts


def _live(nodes: Sequence[Node]) -> list[int]:
    """How many tensors made by the first i nodes are read by later ones, for every i."""
    last = {name: number for number, node in enumerate(nodes) for name in node["inputs"]}
    change = [0] * (len(nodes) + 2)
    for number, node in enumerate(nodes):
        for name in node["outputs"]:
            if last.get(name, -1) > number:
                change[number + 1] += 1
                change[last[name] + 1] -= 1
    found, now = [], 0
    for step in change[: len(nodes) + 1]:
        now += step
        found.append(now)
    return found


def _title(nodes: Sequence[Node]) -> str:
    names: list[str] = [node["name"] for node in nodes]
    first, last = min(names), max(names)
    length = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(map(len, (first, last)))
    )
    common = first[:length]
    end = max(common.rfind(mark) for mark in SEPARATORS)
    if len(names) > 1 and end > 2:
        return common[:end].strip(SEPARATORS)
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
