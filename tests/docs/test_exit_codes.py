"""docs/cli.md has every exit code."""

import re

from bnfold import errors
from bnfold.cli import guard
from docs.make.pages import ROOT


def test_the_table_has_every_exit_code():
    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")}
    listed = re.findall(r"^\| (\d+) \|", (ROOT / "docs/cli.md").read_text(), re.MULTILINE)
    assert sorted(map(int, listed)) == sorted({0, guard.INTERRUPTED, *codes})
