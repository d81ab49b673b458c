"""The module as a witness: a wrong export is found, nothing is written, and a skipped comparison is said."""

import json

import pytest
import torch
from typer.testing import CliRunner

import bnfold
from bnfold.cli.app import app
from bnfold.errors import NotEquivalentError
from bnfold.fx import write
from bnfold.verification import Float64Error, witnessed
from tests.sources.forms import SHAPE, net

WRONG = 1.01


@pytest.fixture
def wrong_export(monkeypatch):
    """The last layer's weights are written a little too large, so the export differs and folds exactly."""
    constant = write._Writer._constant

    def scaled(self, name, array, dtype):
        return constant(self, name, array * WRONG if name == "fc.weight" else array, dtype)

    monkeypatch.setattr(write._Writer, "_constant", scaled)


@pytest.mark.usefixtures("wrong_export")
def test_a_wrong_export_is_different_and_nothing_is_written(tmp_path):
    with pytest.raises(NotEquivalentError) as refused:
        bnfold.fold(net(), torch.rand(SHAPE), output=tmp_path / "folded.onnx")
    algebra = refused.value.report.verification.algebra
    assert algebra.holds or algebra.max_rel < 1e-10
    assert not algebra.module.holds
    assert 1e-4 < algebra.module.max_rel < 0.1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("wrong_export")
def test_the_command_says_so_and_ends_with_1(tmp_path):
    torch.save(net(), tmp_path / "net.pt")
    command = ["fold", str(tmp_path / "net.pt"), "-o", str(tmp_path / "o.onnx"), "--no-bench", "--json", "-"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["net.pt"]
    report = json.loads(done.stdout[: done.stdout.rindex("}") + 1])["verification"]
    assert report["verdict"] == "different"
    assert report["algebra"]["module"]["max_rel"] > report["algebra"]["module"]["bound"]
    assert any("export the module yourself" in sentence for sentence in report["sentences"])


def test_a_comparison_that_cannot_be_made_is_said(tmp_path, monkeypatch):
    def unknown(_):
        raise Float64Error("no float64 for this")

    monkeypatch.setattr(witnessed, "Reference", unknown)
    found = bnfold.fold(net(), torch.rand(SHAPE), output=tmp_path / "folded.onnx").report.verification
    assert found.algebra.module is None
    assert any("was not compared with the module" in sentence for sentence in found.sentences)
