"""The documented figures are those of the record of the benchmark."""

import json

import pytest

from benchmarks.solver.__main__ import HERE, ROOT
from benchmarks.solver.networks import FAMILIES
from benchmarks.solver.page import paragraph, rewrite

RESULTS = json.loads((HERE / "results.json").read_text())
PAGE = ROOT / "docs" / "how-it-works.md"


def test_the_record_covers_every_family() -> None:
    assert {point["family"] for point in RESULTS["points"]} == set(FAMILIES)


def test_figures_are_those_of_the_record() -> None:
    assert f"\n\n{paragraph(RESULTS)}\n\n![" in PAGE.read_text()


def test_rewriting_changes_that_paragraph_alone(tmp_path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text().replace(paragraph(RESULTS), "Old words\nin two lines:"))
    rewrite(page, RESULTS)
    assert page.read_text() == PAGE.read_text()


def test_a_page_without_the_picture_is_an_error(tmp_path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Nothing\n")
    with pytest.raises(AssertionError):
        rewrite(page, RESULTS)
