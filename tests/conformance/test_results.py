"""The results that are checked in belong to the cases that are checked in."""

import json
from pathlib import Path

from onnx import defs

from benchmarks.conformance.cases import CASES
from benchmarks.conformance.page import write_page
from benchmarks.conformance.run import RESULTS
from benchmarks.conformance.tools import TOOLS

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


def test_results_cover_every_case_and_tool() -> None:
    results = json.loads(RESULTS.read_text())
    newer = {f"opset-{version}" for version in range(defs.onnx_opset_version() + 1, 100)}
    """Cases that the installed onnx cannot write yet."""
    least = {name: case["least"] for name, case in results["cases"].items() if name not in newer}
    assert {case.name: case.least for case in CASES} == least
    assert list(results["tools"]) == list(TOOLS)
    for result in results["tools"].values():
        assert set(result["cases"]) == set(results["cases"])


def test_no_tool_goes_below_the_least() -> None:
    tools = json.loads(RESULTS.read_text())["tools"]
    below = [(t, n) for t, r in tools.items() for n, case in r["cases"].items() if case["status"] == "fewer"]
    assert below == []


def test_bnfold_is_never_wrong() -> None:
    cases = json.loads(RESULTS.read_text())["tools"]["bnfold"]["cases"]
    assert [name for name, case in cases.items() if case["status"] == "wrong"] == []


def test_bnfold_takes_all_cases() -> None:
    cases = json.loads(RESULTS.read_text())["tools"]["bnfold"]["cases"]
    assert [name for name, case in cases.items() if case["status"] == "refused"] == []


def test_page_is_generated(tmp_path: Path) -> None:
    write_page(json.loads(RESULTS.read_text()), tmp_path / "page.md")
    assert (tmp_path / "page.md").read_text() == PAGE.read_text()
