"""The growth curves: a run is recorded, a failure is a point with its reason, and the page and picture show both."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from benchmarks.rivals.growth import __main__ as runner
from benchmarks.rivals.growth import programs
from benchmarks.rivals.growth.chart import draw
from benchmarks.rivals.growth.models import normalizations, written
from benchmarks.rivals.growth.page import write_page
from benchmarks.rivals.growth.programs import BASE, FX, LIMIT, NAMES, command
from benchmarks.tool.measure import Limits
from bnfold.sources.onnx import load

TOOLS = {"bnfold": "bnfold", BASE: "onnx", "onnxsim": "onnxsim", "onnxscript": "onnxscript", FX: "torch"}
HERE = [*(tool for tool, package in TOOLS.items() if find_spec(package)), "onnxruntime"]
"""The tools that the tests' own environment has."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    return written(tmp_path_factory.mktemp("growth"), 10)


@pytest.mark.parametrize("name", HERE)
def test_each_folds_the_network(model: tuple[Path, int], name: str) -> None:
    found: dict[str, Any] = {"runs": []}
    runner.once(*model, name, Limits(), found)
    assert "fails" not in found, found
    assert found.get("normalizations") == {BASE: 1, FX: None}.get(name, 0)
    assert found["runs"][0]["anonymous"] > 1e7


@pytest.mark.parametrize("name", [name for name in HERE if name not in ("bnfold", "onnxsim", FX)])
def test_large_models_get_a_data_file(model: tuple[Path, int], name: str, tmp_path: Path) -> None:
    """Programs that do not decide that by the size themselves, as bnfold and onnxsim do; torch.fx writes no ONNX."""
    target = tmp_path / "written.onnx"
    runner.run(command(name, model[0], target, LIMIT + 1))
    assert target.stat().st_size < 10**6
    assert [part.name for part in tmp_path.iterdir() if part.stat().st_size > 9 * 10**6] != []
    assert load(target).graph.initializers


def test_failures_are_points(model: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(programs.SCRIPTS, "onnxsim", "raise ValueError('too large')")
    monkeypatch.setitem(programs.SCRIPTS, "onnxslim", "pass")
    point: dict[str, Any] = {"bytes": model[1], "programs": {}}
    lines = list(runner.measured(model[0], point, ["onnxsim", "onnxslim"], 2, Limits()))
    assert len(lines) == 2
    assert point["programs"]["onnxsim"] == {"runs": [], "fails": "refused", "why": "ValueError: too large"}
    assert point["programs"]["onnxslim"]["why"] == "no file and no error"


def test_only_missing_runs_are_added(model: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "once", lambda _model, _size, _name, _limits, found: found["runs"].append("new"))
    point = {"bytes": 1, "programs": {"a": {"runs": ["old"]}, "b": {"runs": [], "fails": "crash"}}}
    list(runner.measured(model[0], point, ["a", "b", "c"], 2, Limits()))
    assert {name: found["runs"] for name, found in point["programs"].items()} == {
        "a": ["old", "new"],
        "b": [],
        "c": ["new", "new"],
    }


def test_layers_follow_from_the_size(model: tuple[Path, int]) -> None:
    path, size = model
    assert normalizations(path) == 1
    assert 9e6 < size < 10e6


RUN = {"processor": 1.5, "wall": 2.0, "anonymous": 80_000_000}
DONE = {"runs": [RUN], "normalizations": 0}
DATA = {
    "environment": {"cpu": "cpu", "usable_cores": 2, "platform": "Linux", "python": "3.11", "load_average": [0.5]},
    "versions": {"onnx": "1"},
    "limits": {"processor": 900, "gigabytes": 12},
    "points": {
        "3000": {
            "bytes": 3_000_000_000,
            "normalizations": 318,
            "programs": {
                **dict.fromkeys(NAMES, DONE),
                "onnxsim": {"runs": [], "fails": "memory", "why": "needs more than 12 GB of memory"},
                "onnxslim": {"runs": [RUN], "normalizations": 318},
            },
        },
        "10": {"bytes": 9_400_000, "normalizations": 1, "programs": dict.fromkeys(NAMES, DONE)},
    },
}


def test_the_page_is_that_of_the_record(tmp_path: Path) -> None:
    write_page(json.loads(runner.RESULTS.read_text()), tmp_path / "page.md")
    assert (tmp_path / "page.md").read_text() == (runner.DOCS / "rivals-growth.md").read_text()


def test_page_and_picture(tmp_path: Path) -> None:
    write_page(DATA, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert "| program | 9 MB, 1 layer | 3.0 GB, 318 layers |" in text
    assert "| onnxsim | 1.5 | fails |" in text
    assert "| bnfold | 80 | 80 |" in text
    assert "- onnxsim, 3.0 GB: needs more than 12 GB of memory" in text
    assert "- onnxslim, 3.0 GB: 318 of 318 batch normalizations stay" in text
    draw(DATA, tmp_path / "picture.svg")
    assert "bnfold" in (tmp_path / "picture.svg").read_text()
