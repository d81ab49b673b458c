"""What the documentation lists must be complete."""

import re
from pathlib import Path

from bnfold.gauge.rules import READS_SHAPE_ONLY, TABLE

ROOT = Path(__file__).parents[1]


def test_every_operator_has_its_line() -> None:
    table = (ROOT / "docs" / "operators.md").read_text()
    first_column = " ".join(re.findall(r"^\| ([^|]*)\|", table, re.MULTILINE))
    listed = set(re.findall(r"\w+", first_column))
    assert {*TABLE, *READS_SHAPE_ONLY} <= listed
