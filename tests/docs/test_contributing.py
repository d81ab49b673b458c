"""CONTRIBUTING says of every part of the package what it is, and of nothing else."""

import re

from tests.docs.markdown import ROOT, tables


def test_every_part_has_its_line() -> None:
    package = ROOT / "bnfold"
    parts = {path.parent.name for path in package.glob("*/__init__.py")} | {path.name for path in package.glob("*.py")}
    named = {
        path.removeprefix("bnfold/").rstrip("/")
        for where, _ in next(tables("CONTRIBUTING.md"))
        for path in re.findall(r"`(bnfold/[^`]+|\w+\.py)`", where)
    }
    assert {path for path in named if "/" not in path} == parts - {"__init__.py"}
    assert all((package / path).exists() for path in named)
