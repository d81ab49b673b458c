"""The parts of a page that are made, not written."""

from __future__ import annotations

import re
from collections.abc import Mapping

REGION = re.compile(
    r"(?P<begin><!-- begin (?P<name>[\w-]+) -->)(?P<text>.*?)(?P<end><!-- end (?P=name) -->)", re.DOTALL
)


def fill(page: str, contents: Mapping[str, str]) -> str:
    """The page with new regions; content of several lines is set off by empty lines, as markdown wants it.

    Raises:
        ValueError: the page has other regions than `contents` is for.
    """
    names = [match["name"] for match in REGION.finditer(page)]
    if sorted(names) != sorted(contents):
        raise ValueError(f"The page has the regions {sorted(names)}, but {sorted(contents)} are made.")
    return REGION.sub(lambda match: f"{match['begin']}{_apart(contents[match['name']])}{match['end']}", page)


def _apart(content: str) -> str:
    content = content.strip("\n")
    return f"\n\n{content}\n\n" if "\n" in content else content


def row(*cells: object) -> str:
    """One row of a markdown table."""
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def table(headings: list[str], rows: list[list[object]], right: frozenset[int] = frozenset()) -> str:
    """A markdown table; the columns of these indices are aligned to the right."""
    rule = row(*("---:" if index in right else "---" for index in range(len(headings))))
    return "\n".join([row(*headings), rule, *(row(*cells) for cells in rows)])
