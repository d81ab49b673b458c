"""bnfold diff."""

import json
from pathlib import Path

import onnx

from tests.cli.conftest import MODELS, Run


def test_what_a_fold_changed(run: Run, net: Path) -> None:
    assert run("fold", net, "-o", "out.onnx", "--no-verify", "--no-bench").returncode == 0
    done = run("diff", net, "out.onnx", "--json", "r.json")
    assert done.returncode == 0, done.stderr
    for told in (
        "bn1",
        "conv1 writes its output",
        "Constants: 1 changed, 4 gone, 1 new",
        "Inputs and outputs are the same",
    ):
        assert told in done.stdout
    found = json.loads((net.parent / "r.json").read_text())
    assert found["vanished"] == [{"node": "bn1", "op": "BatchNormalization", "written_by": "conv1", "near": []}]


def test_the_same_model_twice(run: Run, net: Path) -> None:
    done = run("diff", net, net)
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "The models are the same: operators, connections and every constant.",
    )


def test_long_lists_are_grouped_unless_asked_for(run: Run) -> None:
    source = MODELS / "resnet20v2_digits.pt"
    assert run("fold", source, "-o", "out.onnx", "--no-verify", "--no-bench").returncode == 0
    short, full = run("diff", source, "out.onnx").stdout, run("diff", source, "out.onnx", "--verbose").stdout
    assert len(short.splitlines()) < 40
    assert "layer3.2.bn2" not in short
    assert full.count("BatchNormalization") == 20
    assert max(map(len, full.splitlines())) <= 100


def test_a_missing_model(run: Run, net: Path) -> None:
    done = run("diff", net, "no.onnx")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1


def test_the_model_is_not_changed(run: Run, net: Path) -> None:
    before = net.read_bytes()
    run("diff", net, net)
    assert net.read_bytes() == before
    onnx.checker.check_model(onnx.load(net))
