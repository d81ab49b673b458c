"""The page of verdicts beside fixed tolerances is that of its record, and bnfold's verdicts on it are right."""

import json
from pathlib import Path

import benchmarks.verification
from benchmarks.verification.page import page

ROOT = Path(__file__).parents[2]
DATA = json.loads((Path(benchmarks.verification.__file__).parent / "results.json").read_text())


def test_the_page_is_that_of_the_record() -> None:
    assert (ROOT / "docs" / "verification-compared.md").read_text() == page(DATA)


def test_every_verdict_of_bnfold_is_right_and_no_other_check_is_always_right() -> None:
    assert len(DATA["pairs"]) > 60
    wrong = {name: sum(pair["accepted"][name] is not pair["right"] for pair in DATA["pairs"]) for name in DATA["rules"]}
    assert wrong.pop("bnfold") == 0
    assert min(wrong.values()) > 0
