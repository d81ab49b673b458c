"""Which pages have generated regions, and who makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from docs.make import cli, equations, excerpts, ledger, operators, readme
from docs.make.regions import fill

ROOT = Path(__file__).parents[2]

PAGES: Mapping[str, Callable[[], Mapping[str, str]]] = {
    "README.md": readme.regions,
    "docs/add-an-operator.md": excerpts.operator,
    "docs/cli.md": cli.regions,
    "docs/equations.md": equations.regions,
    "docs/ledger.md": ledger.regions,
    "docs/operators.md": operators.regions,
    "docs/security.md": excerpts.security,
}
"""What makes the regions of a page, by its path in the repository."""


def made(path: str) -> str:
    """The page as it should be."""
    return fill((ROOT / path).read_text(encoding="utf-8"), PAGES[path]())


def write(path: str) -> None:
    """Make the regions of the page anew."""
    (ROOT / path).write_text(made(path), encoding="utf-8")
