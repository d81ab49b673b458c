"""The page of proofs beside those of onnxsim is that of its record, and bnfold's answers on it are right."""

import json
from pathlib import Path

import benchmarks.certificate
from benchmarks.certificate.compared_page import page

ROOT = Path(__file__).parents[2]
DATA = json.loads((Path(benchmarks.certificate.__file__).parent / "compared.json").read_text())


def test_the_page_is_that_of_the_record() -> None:
    assert (ROOT / "docs" / "certificate-compared.md").read_text() == page(DATA)


def test_every_answer_of_bnfold_is_right() -> None:
    assert len(DATA["rows"]) >= 4
    for row in DATA["rows"]:
        assert row["bnfold"]["fold"]["said"] == "proved for every input"
        assert row["bnfold"]["tampered"]["said"].startswith("not proved for every input")
