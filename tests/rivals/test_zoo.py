"""The run over the zoo: what is recorded for each tool, what is done again, and the page."""

import json
import sys
from pathlib import Path
from typing import Any

import onnx
import pytest

from benchmarks.rivals import tools
from benchmarks.rivals.tools import NAMES
from benchmarks.rivals.zoo import __main__ as runner
from benchmarks.rivals.zoo.page import totals, write_page
from benchmarks.tool.measure import Limits
from tests.networks import Net

BREAKS = {
    "onnxslim": "open(sys.argv[3], 'w').write('no model')",
    "onnxscript": "raise TypeError('cannot')",
    "onnxoptimizer": "import os; os.abort()",
    "onnxsim": "while True: pass",
}
"""What some tools do instead of their work."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An exported network, the only one of the zoo."""
    net = Net()
    onnx.save(net.model(net.conv(net.bn(net.conv(net.input(2, 3, 8, 8), 4)), 2)), tmp_path / "timm-net.onnx")
    (tmp_path / "timm-net.json").write_text(json.dumps({"input": [2, 3, 8, 8], "batch_norms": 1}))
    return tmp_path


def entry(folder: Path, *wanted: str, old: dict[str, Any] | None = None, seconds: float = 60) -> dict[str, Any]:
    *_, last = runner.entries("timm:net", folder, list(wanted), old or {}, Limits(seconds))
    return last


def test_every_tool_has_a_status(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apply = tools.APPLY.replace("TOOLS[sys.argv[1]]", f"exec({BREAKS}.get(sys.argv[1], '')) or TOOLS[sys.argv[1]]")
    monkeypatch.setattr(tools, "APPLY", apply)
    monkeypatch.setattr(tools.sys, "executable", sys.executable)
    found = entry(folder, "bnfold", "onnxsim", "onnxscript", "onnxoptimizer", "onnxruntime", seconds=5)
    assert found["original"]["affine"] == [1, 0]
    assert {name: each["status"] for name, each in found["tools"].items()} == {
        "bnfold": "same",
        "onnxsim": "timeout",
        "onnxscript": "refused",
        "onnxoptimizer": "crash",
        "onnxruntime": "same",
    }
    assert found["tools"]["onnxscript"]["why"] == "TypeError: cannot"
    assert found["tools"]["bnfold"]["affine"] == found["tools"]["onnxruntime"]["affine"] == [0, 0]
    assert found["tools"]["bnfold"]["processor"] > 0


def test_a_file_that_is_no_model_is_wrong(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "APPLY", f"import sys; {BREAKS['onnxslim']}")
    assert entry(folder, "onnxslim")["tools"]["onnxslim"]["status"] == "wrong"


def test_what_is_recorded_is_kept(folder: Path) -> None:
    old = {"tools": {"onnxslim": {"status": "refused", "why": "as before"}}}
    found = entry(folder, "onnxruntime", old=old)
    assert found["tools"]["onnxslim"] == old["tools"]["onnxslim"]
    assert found["tools"]["onnxruntime"]["status"] == "same"


def test_nothing_is_done_where_nothing_is_missing(folder: Path) -> None:
    assert list(runner.entries("timm:net", folder, [], {}, Limits())) == []


def test_a_network_that_cannot_be_exported_says_why(folder: Path) -> None:
    *_, found = runner.entries("keras:net", folder, ["bnfold"], {}, Limits())
    assert "keras:net" in found["skipped"] or "No module named" in found["skipped"]


def test_the_smallest_file_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "listed", lambda: ["timm:unknown", "timm:large", "timm:small"])
    for name, size in (("large", 20), ("small", 10)):
        (tmp_path / f"timm-{name}.onnx").write_bytes(bytes(size))
    assert runner.by_size(tmp_path) == ["timm:small", "timm:large", "timm:unknown"]


def network(affine: int, loaded: int, **changed: dict[str, Any]) -> dict[str, Any]:
    same = {"status": "same", "affine": [0, 0], "loaded": [0, 0]}
    own = {"affine": [affine, 1], "loaded": [loaded, 1]}
    return {"original": own, "tools": {name: changed.get(name, same) for name in NAMES}}


WRONG = {"status": "wrong", "why": "values: relative error 3.0e-01", "affine": [0, 0], "loaded": [0, 0]}
CRASH = {"status": "crash", "why": "ended by SIGSEGV"}
NETWORKS = {"timm:a": network(5, 2, onnxslim=WRONG, onnxsim=CRASH), "timm:b": network(3, 0)}


def test_who_fails_or_is_wrong_has_folded_nothing() -> None:
    rows = {row.split(" | ")[0].strip("| *"): row for row in totals(NETWORKS)[4:]}
    assert rows["the networks themselves"].endswith("| 2 | 2 | 0 | 0 | 8 | 2 | 0 | 2 |")
    assert rows["onnxslim"].endswith("| 2 | 1 | 1 | 0 | 5 | 2 | 1 | 1 |")
    assert rows["onnxsim"].endswith("| 2 | 1 | 0 | 1 crash | 5 | 2 | 1 | 1 |")
    assert rows["bnfold"].endswith("| 2 | 2 | 0 | 0 | 0 | 0 | 2 | 0 |")


def test_page(tmp_path: Path) -> None:
    half = {"original": NETWORKS["timm:b"]["original"], "tools": {"bnfold": CRASH}}
    data = {
        "networks": {**NETWORKS, "timm:half": half, "timm:none": {"skipped": "no input"}},
        "environment": {"platform": "Linux", "python": "3.11"},
        "versions": {"onnxsim": "1"},
        "limits": {"processor": 600, "gigabytes": 8},
    }
    write_page(data, tmp_path / "page.md", listed=118)
    text = (tmp_path / "page.md").read_text()
    assert "2 of the 118 networks" in text
    assert "| timm:a | 5 (2) | 0 | crash | **wrong** | 0 |" in text
    assert "| onnxslim | wrong | values: relative error 3.0e-01 | timm:a |" in text
    assert "- timm:none: no input" in text
    assert "timm:half" not in text


def test_the_page_is_that_of_the_record(tmp_path: Path) -> None:
    write_page(json.loads(runner.RESULTS.read_text()), tmp_path / "page.md", len(runner.listed()))
    assert (tmp_path / "page.md").read_text() == runner.PAGE.read_text()


def test_bnfold_is_never_wrong_and_leaves_the_fewest() -> None:
    networks = json.loads(runner.RESULTS.read_text())["networks"]
    done = {name: each["tools"] for name, each in networks.items() if "bnfold" in each.get("tools", {})}
    assert done
    for name, found in done.items():
        assert found["bnfold"]["status"] == "same", name
        others = [each["affine"][0] for each in found.values() if each["status"] == "same"]
        assert found["bnfold"]["affine"][0] == min(others), name
