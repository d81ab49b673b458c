"""The page of the benchmark is that of its record, and no network keeps more layers than timm's own merging leaves."""

import json
from pathlib import Path

import benchmarks.merge
from benchmarks.merge.page import page

HERE = Path(benchmarks.merge.__file__).parent
DATA = json.loads((HERE / "results.json").read_text())


def test_the_page_is_that_of_the_record():
    assert (HERE / "RESULTS.md").read_text() == page(DATA)


def test_no_more_layers_than_timm_leaves():
    assert len(DATA["models"]) >= 14
    for record in DATA["models"]:
        assert record["bnfold"]["layers"] <= record["timm"]["layers"] <= record["original"]["layers"]
