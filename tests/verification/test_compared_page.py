"""The page of verdicts beside fixed tolerances is that of its record, and bnfold's verdicts on it are right."""

import json
from pathlib import Path

import benchmarks.verification
from benchmarks.verification.page import page

ROOT = Path(__file__).parents[2]
DATA = json.loads((Path(benchmarks.verification.__file__).parent / "results.json").read_text())


def test_the_page_is_that_of_the_record() -> None:
    assert (ROOT / "docs" / "verification-compared.md").read_text() == page(DATA)


def test_a_time_that_was_not_taken_has_no_section() -> None:
    runs = [{"wall": 2.0, "processor": 3.0}, {"wall": 1.5, "processor": 3.5}]
    environment = {"usable_cores": 2, "cpu": "a", "load_average": None}
    assert "| `fold` | 1.5 | 3.0 |" in page(DATA | {"resnet50": {"fold": runs}, "environment": environment})
    assert "Time" not in page(DATA | {"resnet50": None})


def test_every_verdict_of_bnfold_is_right_and_no_other_check_is_always_right() -> None:
    assert len(DATA["pairs"]) > 60
    wrong = {name: sum(pair["accepted"][name] is not pair["right"] for pair in DATA["pairs"]) for name in DATA["rules"]}
    assert wrong.pop("bnfold") == 0
    assert min(wrong.values()) > 0
