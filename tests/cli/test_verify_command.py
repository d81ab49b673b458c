"""`bnfold verify`: tolerances, shapes, limits and the picture, through the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from tests.cli.conftest import ROOT, Run, small_net


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The small net with one weight off by a thousandth."""
    model = small_net()
    tensor = next(t for t in model.graph.initializer if t.name == "w1")
    values = onnx.numpy_helper.to_array(tensor).copy()
    values[1, 2, 0, 0] *= 1.001
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, "w1"))
    onnx.save(model, tmp_path / "other.onnx")
    return tmp_path / "other.onnx"


def test_the_report_names_the_node_and_draws_it(run: Run, net: Path, other: Path, tmp_path: Path) -> None:
    done = run("verify", net, other, "--plot", "growth.svg", "--json", "r.json")
    assert done.returncode == 1
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["blame"]["start"]["node"] == "conv1"
    assert found["outputs"][0]["output"] == "output"
    assert found["allowed"][0]["given"] is None
    assert "conv1" in done.stdout
    assert "Tolerances" in done.stdout
    assert "<svg" in (tmp_path / "growth.svg").read_text()


def test_a_tolerance_is_used_and_printed(run: Run, net: Path, other: Path) -> None:
    done = run("verify", net, other, "--rtol", "output:1e-2")
    assert done.returncode == 0, done.stdout
    assert "given as atol 0, rtol 0.01" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--rtol", "nothing:1e-3"], 2, "no output 'nothing'; the model's outputs are: output"),
        (["--atol", "much"], 2, "--atol much is not of the form"),
        (["--plot", "growth.txt"], 2, "must end in .svg"),
        (["--mean", "a"], 2, "--mean a is not a number"),
        (["--timeout", "0.01"], 3, "did not finish within 0.01 s"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run: Run, net: Path, arguments: list[str], code: int, says: str) -> None:
    done = run("verify", net, net, *arguments)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_shape_may_be_given_several_times(run: Run, net: Path) -> None:
    done = run("verify", net, net, "--input", "input:2,3,8,8", "--input", "input:5,3,8,8", "--json", "-")
    shapes = json.loads(done.stdout)["batches"]
    assert shapes["normal"] == {"input": [2, 3, 8, 8]}
    assert shapes["normal (2)"] == {"input": [5, 3, 8, 8]}


def test_changed_predictions_are_named(run: Run, tmp_path: Path) -> None:
    def head(order: list[int]) -> onnx.ModelProto:
        node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"], "fc")
        infos = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["n", 3]) for n in "xy"]
        weight = onnx.numpy_helper.from_array(np.eye(3, dtype=np.float32)[order], "w")
        graph = onnx.helper.make_graph([node], "g", infos[:1], infos[1:], [weight])
        return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)

    onnx.save(head([0, 1, 2]), tmp_path / "a.onnx")
    onnx.save(head([0, 2, 1]), tmp_path / "b.onnx")
    np.savez(tmp_path / "d.npz", x=np.eye(3, dtype=np.float32), labels=np.arange(3))
    done = run("verify", "a.onnx", "b.onnx", "--data", "d.npz", "--json", "r.json")
    assert done.returncode == 1
    accuracy = json.loads((tmp_path / "r.json").read_text())["accuracy"]
    assert (accuracy["before"], accuracy["changed"]) == (1.0, 2)
    assert accuracy["changes"][0] == {"sample": "1", "label": 1, "before": 1, "after": 2}
    assert "sample 2: 2 -> 1, right is 2" in done.stdout


FACTORY = """
from torch import nn

def net():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1)).eval()
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Weights of a net that nothing recognizes; the factory of that net lies beside them."""
    (tmp_path / "factory.py").write_text(FACTORY)
    torch.manual_seed(0)
    namespace: dict[str, Any] = {}
    exec(FACTORY, namespace)
    torch.save(namespace["net"]().state_dict(), tmp_path / "net.pth")
    return tmp_path / "net.pth"


@pytest.mark.parametrize("command", ["verify", "bench"])
def test_a_state_dict_may_be_of_any_architecture(run: Run, state: Path, command: str) -> None:
    options = ["--input", "x:1,3,8,8", "--arch", "factory:net"]
    done = run("fold", state, "-o", "folded.onnx", "--no-bench", "--no-verify", *options)
    assert done.returncode == 0, done.stderr
    more = ["--seconds", "0.2"] if command == "bench" else []
    done = run(command, state, "folded.onnx", *options, *more)
    assert done.returncode == 0, done.stderr
    done = run(command, state, "folded.onnx", *options[:2], *more)
    assert done.returncode == 3
    assert "--arch" in done.stderr


def test_thorough_leaves_nothing_out(net: Path) -> None:
    """Where the budget has room for nothing."""
    script = "import bnfold.verification.verify as v\nv.FILES_BUDGET = 0.0\nfrom bnfold.cli import main\nmain()\n"
    (net.parent / "tight.py").write_text(script)
    for more, expected in ([], 2), (["--thorough"], 10):
        command = [sys.executable, "tight.py", "verify", str(net), str(net), "--json", "r.json", *more]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=net.parent, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        assert len(json.loads((net.parent / "r.json").read_text())["batches"]) == expected
        assert ("--thorough runs everything" in " ".join(done.stdout.split())) == (not more)
