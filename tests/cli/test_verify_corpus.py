"""`bnfold verify` on files that were tampered with, and on honest ones that other tools saved again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
import pytest

from bnfold.cli import main
from bnfold.verification.runtime import session_outputs
from tests.networks import fold
from tests.verification.corpus import Tampered, corpus, network

ORIGINAL = network()
FOLDED = ir.to_proto(fold(ORIGINAL).rounded)
CORPUS = corpus()


def by_onnxsim(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnxsim

    return onnxsim.simplify(model)[0]


def by_onnxslim(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnxslim

    return onnxslim.slim(model)


def verified(monkeypatch: pytest.MonkeyPatch, folder: Path, candidate: onnx.ModelProto) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of the command, which runs in this process with ONNX Runtime."""
    monkeypatch.setattr("bnfold.verification.runtime.call", lambda _, limits, **a: session_outputs(**a))
    onnx.save(ORIGINAL, folder / "original.onnx")
    onnx.save(candidate, folder / "candidate.onnx")
    files = [str(folder / name) for name in ("original.onnx", "candidate.onnx", "report.json")]
    monkeypatch.setattr(sys, "argv", ["bnfold", "verify", *files[:2], "--json", files[2]])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0), json.loads((folder / "report.json").read_text())


@pytest.mark.parametrize("save_again", [by_onnxsim, by_onnxslim])
@pytest.mark.parametrize("model", [ORIGINAL, FOLDED], ids=["original", "folded"])
def test_what_other_tools_saved_again_is_equivalent(
    save_again: Callable[[onnx.ModelProto], onnx.ModelProto],
    model: onnx.ModelProto,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    saved = save_again(onnx.ModelProto.FromString(model.SerializeToString()))
    code, report = verified(monkeypatch, tmp_path, saved)
    assert code == 0, report["sentences"]
    assert report["verdict"] == "equivalent"
    assert report["blame"] is None


@pytest.mark.parametrize("item", CORPUS[::6], ids=lambda item: item.name)
def test_the_command_names_the_node(
    item: Tampered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    candidate = onnx.ModelProto.FromString(FOLDED.SerializeToString())
    item.change(candidate)
    code, report = verified(monkeypatch, tmp_path, candidate)
    assert code == 1
    blame = report["blame"]
    named = [blame["site"]["node"], blame["start"]["node"]]
    gone = item.node not in {node.name for node in candidate.graph.node}
    assert item.node in (blame["reference_nodes"] if gone else named)
    assert item.node in capsys.readouterr().out
