"""A table before it becomes HTML or markdown, and how numbers are written in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class Name(str):
    """The name of a node, tensor or file: text from elsewhere, shown letter by letter."""

    __slots__ = ()


@dataclass(frozen=True)
class Table:
    """Headings and rows of cells.

    Attributes:
        headings: of the columns.
        rows: as many cells each.
        numeric: columns that hold numbers.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> Table | None:
    """The table; None if it would be empty."""
    return Table(tuple(headings), tuple(map(tuple, rows)), frozenset(numeric)) if rows else None


def error(value: float | None) -> str:
    """A relative error; null in the JSON is an infinite one."""
    return "∞" if value is None else f"{value:.1e}" if value else "0"


def change(before: float, after: float) -> str:
    """How much more or less it became."""
    return f"{(after - before) / before:+.1%}" if before else ""


def plural(count: int, word: str) -> str:
    """A count and its word."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


Data = Any
"""Parts of a report's JSON."""
