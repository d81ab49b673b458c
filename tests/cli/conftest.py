"""The real command, in a process of its own, and small models to give it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.without_torch import skip_if_needed

Run = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`bnfold` with these arguments, run in an empty folder."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "cli.py"), *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        skip_if_needed(done.stderr)
        return done

    return run


def small_net(seed: int = 0, *, affine: bool = True) -> onnx.ModelProto:
    """Input [N, 3, 8, 8] -> Conv -> BatchNormalization (unless not `affine`) -> Relu -> Conv -> output."""
    rng = np.random.default_rng(seed)
    weights = {
        "w1": rng.normal(size=(4, 3, 3, 3)),
        "w2": rng.normal(size=(2, 4, 1, 1)),
        "scale": rng.uniform(0.5, 1.5, 4),
        "bias": rng.normal(size=4),
        "mean": rng.normal(size=4),
        "var": rng.uniform(0.5, 1.5, 4),
    }
    nodes = [helper.make_node("Conv", ["input", "w1"], ["a"], "conv1", pads=[1, 1, 1, 1])]
    if affine:
        nodes.append(helper.make_node("BatchNormalization", ["a", "scale", "bias", "mean", "var"], ["b"], "bn1"))
    nodes.append(helper.make_node("Relu", ["b" if affine else "a"], ["c"], "relu1"))
    nodes.append(helper.make_node("Conv", ["c", "w2"], ["output"], "conv2"))
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", 2, 8, 8])],
        [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items() if name in used],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """A small model with one BatchNormalization."""
    path = tmp_path / "net.onnx"
    onnx.save(small_net(), path)
    return path
