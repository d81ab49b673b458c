"""ONNX models as people have them: operator sets, quantized graphs, weights in files of their own."""

import json
import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.cli.conftest import Run, small_net

SUPPORTED = 26
"""The newest operator set that the installed ONNX Runtime promises; in newer ones the models are emulated."""


def outputs(path: Path, images: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": images})
    return np.asarray(found)


def same(before: Path, after: Path) -> None:
    images = np.random.default_rng(5).normal(size=(2, 3, 8, 8)).astype(np.float32)
    np.testing.assert_allclose(outputs(after, images), outputs(before, images), rtol=1e-4, atol=1e-4)


def operators(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path, load_external_data=False).graph.node]


def folded(done: subprocess.CompletedProcess[str], report: Path) -> None:
    assert done.returncode == 0, done.stderr
    told = json.loads(report.read_text())
    assert told["affine"] == {"before": 1, "removed": 1, "after": 0}
    assert told["verification"]["verdict"] == "equivalent"
    assert told["proof"]["verdict"] == "proved"


@pytest.mark.parametrize("opset", [7, 9, 13, 18, onnx.defs.onnx_opset_version()])
def test_operator_sets(run: Run, tmp_path: Path, opset: int) -> None:
    model = small_net()
    model.opset_import[0].version = opset
    onnx.checker.check_model(model)
    source = tmp_path / "net.onnx"
    onnx.save(model, source)
    folded(run("fold", source, "-o", "out.onnx", "--no-bench", "--json", "r.json"), tmp_path / "r.json")
    written = onnx.load(tmp_path / "out.onnx")
    onnx.checker.check_model(written, full_check=True)
    assert [entry.version for entry in written.opset_import if not entry.domain] == [opset]
    assert operators(tmp_path / "out.onnx") == ["Conv", "Relu", "Conv"]
    if opset <= SUPPORTED:
        same(source, tmp_path / "out.onnx")


def quantized() -> onnx.ModelProto:
    """Conv of int8 weights -> BatchNormalization -> Relu -> quantized activations -> Conv of int8 weights."""
    rng = np.random.default_rng(2)
    weights = {
        "w1": rng.integers(-127, 128, (4, 3, 3, 3), np.int8),
        "s1": rng.uniform(0.005, 0.02, 4).astype(np.float32),
        "w2": rng.integers(-127, 128, (2, 4, 1, 1), np.int8),
        "s2": rng.uniform(0.005, 0.02, 2).astype(np.float32),
        "step": np.float32(0.05),
        "zero": np.uint8(0),
        **{name: rng.uniform(0.5, 1.5, 4).astype(np.float32) for name in ("scale", "bias", "mean", "var")},
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["w1", "s1"], ["f1"], axis=0),
        helper.make_node("Conv", ["input", "f1"], ["a"], "conv1", pads=[1] * 4),
        helper.make_node("BatchNormalization", ["a", "scale", "bias", "mean", "var"], ["b"], "bn1"),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "step", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "step", "zero"], ["d"]),
        helper.make_node("DequantizeLinear", ["w2", "s2"], ["f2"], axis=0),
        helper.make_node("Conv", ["d", "f2"], ["output"], "conv2"),
    ]
    graph = helper.make_graph(
        nodes,
        "quantized",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", 2, 8, 8])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_a_quantized_graph_stays_one(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "net.onnx"
    onnx.save(quantized(), source)
    done = run("fold", source, "-o", "out.onnx", "--no-bench", "--json", "r.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "r.json").read_text())["verification"]["verdict"] == "equivalent"
    written = onnx.load(tmp_path / "out.onnx")
    assert sorted(operators(tmp_path / "out.onnx")) == sorted(without_norm(source))
    before, after = ({t.name: numpy_helper.to_array(t) for t in m.graph.initializer} for m in (quantized(), written))
    for name in ("w1", "w2", "s2", "step", "zero"):
        np.testing.assert_array_equal(after[name], before[name])
    # An activation on the edge between two integers may round to the other one.
    images = np.random.default_rng(5).normal(size=(4, 3, 8, 8)).astype(np.float32)
    gap = np.abs(outputs(tmp_path / "out.onnx", images) - outputs(source, images))
    assert np.mean(gap > 1e-4) < 0.01
    assert gap.max() < 0.05 * 127 * 0.02


def without_norm(path: Path) -> list[str]:
    return [op for op in operators(path) if op != "BatchNormalization"]


@pytest.fixture
def apart(tmp_path: Path) -> Path:
    """A model whose weights lie in a file of their own, under a name of its own."""
    (tmp_path / "given").mkdir()
    path = tmp_path / "given" / "net.onnx"
    onnx.save(small_net(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert path.stat().st_size < path.with_name("weights.bin").stat().st_size + 2000
    return path


@pytest.mark.parametrize("external", [False, True])
def test_weights_of_their_own_to_another_folder(run: Run, apart: Path, tmp_path: Path, external: bool) -> None:
    before = {path.name: path.read_bytes() for path in apart.parent.iterdir()}
    options = ["--external-data"] if external else []
    folded(run("fold", apart, "-o", "out.onnx", "--no-bench", "--json", "r.json", *options), tmp_path / "r.json")
    assert {path.name: path.read_bytes() for path in apart.parent.iterdir()} == before
    assert (tmp_path / "out.onnx.data").exists() == external
    same(apart, tmp_path / "out.onnx")


@pytest.mark.parametrize("external", [False, True])
def test_weights_of_their_own_in_place(run: Run, apart: Path, tmp_path: Path, external: bool) -> None:
    kept = tmp_path / "kept.onnx"
    onnx.save(small_net(), kept)
    options = ["--external-data"] if external else []
    assert run("fold", apart, "-o", apart, "--force", "--no-bench", *options).returncode == 0
    assert operators(apart) == ["Conv", "Relu", "Conv"]
    same(kept, apart)
    assert sorted(path.name for path in apart.parent.iterdir()) == [
        "net.onnx",
        *(["net.onnx.data"] if external else []),
        "weights.bin",
    ]


def test_weights_that_are_missing_are_one_sentence(run: Run, apart: Path, tmp_path: Path) -> None:
    apart.with_name("weights.bin").unlink()
    done = run("fold", apart, "-o", "out.onnx", "--no-bench")
    assert done.returncode == 3
    assert "weights.bin" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.onnx").exists()
