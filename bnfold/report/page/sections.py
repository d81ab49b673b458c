"""A network in sections short enough to draw, cut where little flows from one to the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FEWEST, ENOUGH, BLOCK, MOST = 4, 8, 20, 36
"""Nodes of a section: at least; enough for one without branches; at most in a block; at most."""
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
    drawn = [(part, theirs) for part, theirs in zip(parts or [[]], inside, strict=True) if part or theirs]
    titles = [_title(part or theirs) for part, theirs in drawn]
    often = Counter(titles)
    return [
        Section(title if often[title] == 1 else _ends(part or theirs), tuple(part), tuple(theirs))
        for title, (part, theirs) in zip(titles, drawn, strict=True)
    ]


def _cut(nodes: Sequence[Node]) -> list[list[Node]]:
    """Cut behind the next tensor that alone lives on and branches, as at the end of a residual block; else behind the
    next that alone lives on; else where the fewest do.
    """
    live = _live(nodes)
    readers = Counter(name for node in nodes for name in set(node["inputs"]))
    branches = {end for end in range(1, len(nodes) + 1) if any(readers[name] > 1 for name in nodes[end - 1]["outputs"])}
    parts, start = [], 0
    while start < len(nodes):
        ends = range(start + FEWEST, min(start + MOST, len(nodes)) + 1)
        alone = [end for end in ends if live[end] <= 1]
        blocks = [end for end in alone if end in branches and end - start <= BLOCK]
        long_enough = [end for end in alone if end - start >= ENOUGH]
        fewest = min(reversed(ends), key=lambda end: live[end], default=len(nodes))
        end = next(iter((*blocks, *long_enough)), fewest)
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
    return _ends(nodes)


def _ends(nodes: Sequence[Node]) -> str:
    first, last = nodes[0]["name"], nodes[-1]["name"]
    return str(first) if first == last else f"{first} to {last}"
