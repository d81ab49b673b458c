"""The pages of the repository, and what their markdown holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/**/*.md", "models/*.md", "benchmarks/**/*.md")
    for path in ROOT.glob(pattern)
)


@dataclass(frozen=True)
class Block:
    """A block of code and its language, "bash" for an indented one."""

    language: str
    code: str


@cache
def _tokens(page: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse((ROOT / page).read_text())


def blocks(page: str) -> list[Block]:
    """All blocks of code, in order."""
    return [
        Block(token.info.strip() if token.type == "fence" else "bash", token.content)
        for token in _tokens(page)
        if token.type in ("fence", "code_block")
    ]


def links(page: str) -> Iterator[str]:
    """Where links and pictures of markdown and of HTML within it lead, as they are written."""
    for token in _tokens(page):
        for part in token.children or [token]:
            target = part.attrGet("href") or part.attrGet("src")
            if target is not None:
                yield str(target)
            if part.type in ("html_inline", "html_block"):
                yield from re.findall(r"\b(?:href|src|srcset)=\"([^\"]+)\"", part.content)


def tables(page: str) -> Iterator[list[list[str]]]:
    """All tables: their rows below the headings, cell by cell, as they are written."""
    rows: list[list[str]] = []
    for opening, inline in pairwise(_tokens(page)):
        if opening.type in ("table_open", "tbody_open"):
            rows = []
        elif opening.type == "tr_open":
            rows.append([])
        elif opening.type == "td_open":
            rows[-1].append(inline.content)
        elif opening.type == "tbody_close":
            yield rows


def anchors(page: str) -> set[str]:
    """Names of the headings as GitHub makes them, and those given in HTML."""
    found: set[str] = set()
    tokens = _tokens(page)
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            text = "".join(part.content for part in inline.children or () if part.type in ("text", "code_inline"))
            name = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
            again = sum(1 for each in found if each == name or re.fullmatch(rf"{re.escape(name)}-\d+", each))
            found.add(f"{name}-{again}" if again else name)
    return found | set(re.findall(r"\b(?:id|name)=\"([^\"]+)\"", (ROOT / page).read_text()))
