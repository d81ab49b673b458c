"""fold --report, bnfold report, and the summary of a job."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.cli.conftest import Run


@pytest.fixture
def report(run: Run, net: Path, tmp_path: Path) -> Path:
    """The complete report of a small fold."""
    done = run("fold", net, "-o", "out.onnx", "--no-bench", "--report", "run.json")
    assert done.returncode == 0, done.stderr
    return tmp_path / "run.json"


def test_the_report_is_complete_and_says_how_it_came_about(report: Path, net: Path) -> None:
    data = json.loads(report.read_text())
    assert data["run"]["command"] == f"bnfold fold {net} -o out.onnx --no-bench --report run.json"
    assert len(data["run"]["sha256"]) == 64
    assert {site["tensor"] for site in data["verification"]["sites"]} >= {"b", "c", "output"}
    before, after = (data["details"][side] for side in ("before", "after"))
    assert before["operators"] == {"BatchNormalization": 1, "Conv": 2, "Relu": 1}
    assert after["operators"] == {"Conv": 2, "Relu": 1}
    assert [node["name"] for node in after["nodes"]] == ["conv1", "relu1", "conv2"]


def test_weights_are_those_of_the_files(report: Path, net: Path, tmp_path: Path) -> None:
    details = json.loads(report.read_text())["details"]
    for side, path in (("before", net), ("after", tmp_path / "out.onnx")):
        model = onnx.load(path)
        stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Conv":
                (found,) = (layer for layer in details[side]["weights"] if layer["node"] == node.name)
                rows = stored[node.input[1]].reshape(len(stored[node.input[1]]), -1)
                np.testing.assert_allclose(found["low"], rows.min(1), rtol=5e-3)
                np.testing.assert_allclose(found["high"], rows.max(1), rtol=5e-3)


@pytest.mark.parametrize(
    ("name", "says"), [("page.html", "<!doctype html>"), ("page.md", "## ✅ Equivalent: `net.onnx`")]
)
def test_reports_render_later(run: Run, report: Path, tmp_path: Path, name: str, says: str) -> None:
    done = run("report", report, "-o", name)
    assert (done.returncode, done.stdout) == (0, f"Wrote {name}.\n"), done.stderr
    assert (tmp_path / name).read_text().startswith(says)


def test_a_damaged_report_is_refused(run: Run, report: Path) -> None:
    data = json.loads(report.read_text())
    for key in ("affine", "verification", "details", "price"):
        report.write_text(json.dumps({**data, key: {}}))
        done = run("report", report, "-o", "page.html")
        assert done.returncode == 3, key
        assert done.stderr.count("\n") == 1


def test_a_failed_proof_is_reported(run: Run, net: Path, tmp_path: Path) -> None:
    done = run("fold", net, "-o", "out.onnx", "--no-bench", "--report", "page.md", "--atol", "1e-30", "--rtol", "0")
    assert done.returncode == 1
    assert not (tmp_path / "out.onnx").exists()
    assert (tmp_path / "page.md").read_text().startswith("## ❌ Not equivalent: `net.onnx`")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--report", "a.pdf"], "must end in .html, .md or .json"), (["--report", "no/a.md"], "does not exist")],
)
def test_a_report_that_cannot_be_written(run: Run, net: Path, tmp_path: Path, arguments: list[str], says: str) -> None:
    done = run("fold", net, "-o", "out.onnx", "--no-bench", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert not (tmp_path / "out.onnx").exists()


def test_several_models_have_no_one_report(run: Run, net: Path) -> None:
    done = run("fold", net, net, "-o", "folder", "--report", "a.md")
    assert done.returncode == 2
    assert "--report takes one model" in done.stderr


def test_a_job_gets_its_summary(run: Run, net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "summary.md").write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    assert run("fold", net, "-o", "out.onnx", "--no-bench").returncode == 0
    assert (tmp_path / "summary.md").read_text().startswith("before\n## ✅ Equivalent: `net.onnx`\n")


def test_a_job_does_not_fail_for_its_summary(run: Run, net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "no/summary.md")
    done = run("fold", net, "-o", "out.onnx", "--no-bench")
    assert done.returncode == 0
    assert done.stderr == "bnfold: the job summary cannot be written to no/summary.md: No such file or directory.\n"
