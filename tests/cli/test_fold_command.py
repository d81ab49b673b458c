"""`bnfold fold`: the main job on the trained networks, its JSON, and its options."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.cli.conftest import MODELS, Run, small_net


@pytest.mark.parametrize(("name", "norms"), [("resnet20_digits", 21), ("resnet20v2_digits", 19)])
def test_trained_networks_lose_every_batch_normalization(run: Run, tmp_path: Path, name: str, norms: int) -> None:
    source, data = MODELS / f"{name}.pt", MODELS / "digits_test.npz"
    done = run("fold", source, "-o", "out.onnx", "--data", data, "--json", "r.json", "--seconds", 1)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["affine"] == {"before": norms, "removed": norms, "after": 0}
    assert report["scalar"] == {"before": 0, "removed": 0, "after": 0}
    assert [d["status"] for d in report["decisions"]] == ["removed"] * norms
    assert all(d["into"] and d["reason"] is None for d in report["decisions"])
    proof = report["verification"]
    assert proof["verdict"] == "equivalent"
    assert proof["algebra"]["max_rel"] < 1e-10
    assert proof["algebra"]["weights"]["max_ulp"] <= 0.51
    assert proof["rounding"]["ratio"] == pytest.approx(proof["rounding"]["folded"] / proof["rounding"]["original"])
    assert proof["accuracy"]["samples"] == 360
    assert proof["accuracy"]["before"] == proof["accuracy"]["after"] > 0.97
    assert proof["accuracy"]["changed"] == 0
    assert {c["setting"]["level"] for c in report["benchmark"]["contestants"]} == {"disabled", "all"}
    operators = {node.op_type for node in onnx.load(tmp_path / "out.onnx").graph.node}
    assert operators == {"Conv", "Relu", "Add", "GlobalAveragePool", "Reshape", "Gemm"}
    for heading in ("removed", "Proof: equivalent", "Latency", "Wrote out.onnx"):
        assert heading in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_output_of_a_checkpoint_has_a_dynamic_batch(run: Run, tmp_path: Path) -> None:
    assert run("fold", MODELS / "resnet20_digits.pt", "-o", "out.onnx", "--no-verify", "--no-bench").returncode == 0
    (value,) = onnx.load(tmp_path / "out.onnx").graph.input
    dims = value.type.tensor_type.shape.dim
    assert dims[0].dim_param
    assert [dim.dim_value for dim in dims][1:] == [1, 8, 8]


def test_json_alone_on_stdout(run: Run, net: Path) -> None:
    done = run("fold", net, "-o", "out.onnx", "--no-bench", "--json", "-")
    report = json.loads(done.stdout)
    assert done.stderr == ""
    assert report["schema_version"] == 1
    assert report["source"] == str(net)
    assert report["output"] == "out.onnx"
    assert report["decisions"] == [
        {
            "node": "bn1",
            "op": "BatchNormalization",
            "scalar": False,
            "status": "removed",
            "into": ["conv1"],
            "forms": {},
            "reason": None,
        }
    ]
    assert "benchmark" not in report


def test_dry_run_writes_nothing(run: Run, net: Path, tmp_path: Path) -> None:
    done = run("fold", net, "-o", "out.onnx", "--dry-run", "--no-bench")
    assert done.returncode == 0
    assert "Proof: equivalent" in done.stdout
    assert list(tmp_path.iterdir()) == [net]


def test_no_verify_says_so(run: Run, net: Path) -> None:
    done = run("fold", net, "-o", "out.onnx", "--no-verify", "--no-bench", "--json", "-")
    assert done.returncode == 0
    assert json.loads(done.stdout)["verification"]["verdict"] == "not_run"


def test_force_replaces_the_output(run: Run, net: Path, tmp_path: Path) -> None:
    (tmp_path / "out.onnx").write_bytes(b"old")
    assert run("fold", net, "-o", "out.onnx", "--force", "--no-bench").returncode == 0
    onnx.checker.check_model(str(tmp_path / "out.onnx"))


def test_the_source_may_be_its_own_output(run: Run, net: Path) -> None:
    assert run("fold", net, "-o", net, "--force", "--no-bench").returncode == 0
    assert {node.op_type for node in onnx.load(net).graph.node} == {"Conv", "Relu"}


def test_nothing_to_fold_is_a_success_that_says_so(run: Run, tmp_path: Path) -> None:
    onnx.save(small_net(affine=False), tmp_path / "plain.onnx")
    done = run("fold", "plain.onnx", "-o", "out.onnx", "--no-bench")
    assert done.returncode == 0
    assert "nothing to fold" in done.stdout
    assert (tmp_path / "out.onnx").exists()


def test_the_same_input_gives_the_same_bytes(run: Run, net: Path, tmp_path: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        assert run("fold", net, "-o", name, "--no-verify", "--no-bench").returncode == 0
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_input_shape_is_used(run: Run, net: Path) -> None:
    assert run("fold", net, "-o", "out.onnx", "--no-bench", "--input", "input:2,3,8,8").returncode == 0
    wrong = run("fold", net, "-o", "out2.onnx", "--no-bench", "--input", "input:2,3,9,8")
    assert wrong.returncode == 2
    assert "fixed to 8" in wrong.stderr


def test_verify_tells_models_apart(run: Run, net: Path, tmp_path: Path) -> None:
    assert run("fold", net, "-o", "same.onnx", "--no-verify", "--no-bench").returncode == 0
    same = run("verify", net, "same.onnx")
    assert same.returncode == 0
    assert "Proof: equivalent" in same.stdout
    model = onnx.load(tmp_path / "same.onnx")
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "w1")
    values = onnx.numpy_helper.to_array(weight).copy()
    values[1, 2, 0, 0] *= 1.001
    weight.CopyFrom(onnx.numpy_helper.from_array(values, "w1"))
    onnx.save(model, tmp_path / "other.onnx")
    other = run("verify", net, "other.onnx", "--json", "-")
    assert other.returncode == 1
    assert json.loads(other.stdout)["verdict"] == "different"
    assert other.stderr == f"bnfold: other.onnx does not compute what {net} computes.\n"


def test_a_terminal_without_unicode_gets_its_report(run: Run, net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = run("fold", net, "-o", "out.onnx", "--no-bench")
    assert done.returncode == 0, done.stderr
    assert "Proof: equivalent" in done.stdout


def test_inspect_writes_nothing_and_shows_the_ledger(run: Run, net: Path, tmp_path: Path) -> None:
    done = run("inspect", net)
    assert done.returncode == 0
    assert "bn1" in done.stdout
    assert "conv1" in done.stdout
    assert list(tmp_path.iterdir()) == [net]
    assert json.loads(run("inspect", net, "--json", "-").stdout)["affine"] == {"before": 1, "removed": 1, "after": 0}


def test_bench_compares_the_models_it_is_given(run: Run, net: Path, tmp_path: Path) -> None:
    assert run("fold", net, "-o", "out.onnx", "--no-bench").returncode == 0
    done = run("bench", net, "out.onnx", "--seconds", 1, "--json", "r.json")
    assert done.returncode == 0, done.stderr
    assert "speed-up" in done.stdout
    found = json.loads((tmp_path / "r.json").read_text())
    assert [c["name"] for c in found["contestants"]] == ["net", "out"] * 2
    assert all(np.isfinite(c["run"]["p50"]) and c["run"]["p50"] > 0 for c in found["contestants"])


def test_a_picture_of_the_proof(run: Run, net: Path, tmp_path: Path) -> None:
    done = run("fold", net, "-o", "out.onnx", "--no-bench", "--plot", "growth.svg")
    assert done.returncode == 0, done.stderr
    assert "<svg" in (tmp_path / "growth.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--plot", "growth.txt"], "must end in .svg"),
        (["--plot", "growth.svg", "--no-verify"], "--plot draws what the proof found; leave out --no-verify."),
    ],
)
def test_a_picture_that_cannot_be_drawn(run: Run, net: Path, tmp_path: Path, arguments: list[str], says: str) -> None:
    done = run("fold", net, "-o", "out.onnx", "--no-bench", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert not (tmp_path / "out.onnx").exists()


def test_without_colour_a_terminal_gets_none(net: Path, tmp_path: Path) -> None:
    """On a terminal of 100 columns, with NO_COLOR: no colour, and no line longer than that."""
    import os
    import pty
    import re
    import subprocess
    import sys

    from tests.cli.conftest import ROOT

    def shown(**more: str) -> str:
        environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
        environment |= {"TERM": "xterm-256color", "COLUMNS": "100", **more}
        ours, theirs = pty.openpty()
        command = [sys.executable, str(ROOT / "cli.py"), "fold", str(net), "-o", "out.onnx", "--force", "--no-bench"]
        subprocess.run(command, cwd=tmp_path, env=environment, stdout=theirs, stderr=subprocess.DEVNULL, check=True)
        os.close(theirs)
        text = b""
        try:
            while chunk := os.read(ours, 1 << 16):
                text += chunk
        except OSError:
            pass
        os.close(ours)
        return text.decode()

    colour = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
    assert colour.search(shown())
    plain = shown(NO_COLOR="1")
    assert not colour.search(plain)
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in plain.splitlines()) <= 100
