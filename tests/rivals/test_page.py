"""The page of the comparison is generated from its record."""

import json
from pathlib import Path

from benchmarks.rivals.page import write_page

ROOT = Path(__file__).parents[2]


def test_the_page_is_that_of_the_record(tmp_path: Path) -> None:
    write_page(json.loads((ROOT / "benchmarks/rivals/results.json").read_text()), tmp_path / "page.md")
    assert (tmp_path / "page.md").read_text() == (ROOT / "docs/rivals.md").read_text()
