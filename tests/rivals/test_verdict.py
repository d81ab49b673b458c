"""The judge of the tools: it passes what is the same, and names what is wrong with the rest."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from benchmarks.rivals.zoo import verdict as module
from benchmarks.rivals.zoo.verdict import original, verdict
from tests.networks import Net

Feeds = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Feeds]:
    """A normalization that ONNX Runtime folds, one that it does not, and a scalar step."""
    net = Net()
    x = net.conv(net.input(2, 3, 8, 8), 4)
    x = net.bn(x)
    x = net.bn(net.relu(x))
    x = net.node("Sigmoid", net.node("Mul", net.node("Sigmoid", x), 0.5))
    model = net.model(net.conv(x, 2))
    path = tmp_path_factory.mktemp("verdict") / "original.onnx"
    onnx.save(model, path)
    return path, {"x": np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)}


def judged(network: tuple[Path, Feeds], written: Path, *, by_name: bool = True) -> dict[str, object]:
    path, feeds = network
    found = original(path, feeds)
    assert not isinstance(found, str)
    return verdict(path, written, feeds, found[1], by_name=by_name)


def changed(network: tuple[Path, Feeds], target: Path, change: Callable[[onnx.ModelProto], None]) -> Path:
    model = onnx.load(network[0])
    change(model)
    onnx.save(model, target)
    return target


def test_what_onnxruntime_folds_itself_is_counted_apart(network: tuple[Path, Feeds]) -> None:
    counts, expected = original(*network)
    assert (counts["affine"], counts["loaded"]) == ([2, 1], [1, 1])
    assert [value.dtype for value in expected] == [np.float64]


def test_the_same_network_is_the_same(network: tuple[Path, Feeds]) -> None:
    found = judged(network, network[0])
    assert (found["status"], found["affine"], found["error_float64"]) == ("same", [2, 1], 0.0)


def test_another_weight_is_wrong(network: tuple[Path, Feeds], tmp_path: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        weight = model.graph.initializer[-2]
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * 1.001, weight.name))

    found = judged(network, changed(network, tmp_path / "a.onnx", change))
    assert found["status"] == "wrong"
    assert str(found["why"]).startswith("values: relative error")


def test_another_name_of_an_output_is_wrong_for_a_tool_that_had_the_file(
    network: tuple[Path, Feeds], tmp_path: Path
) -> None:
    def change(model: onnx.ModelProto) -> None:
        model.graph.node[-1].output[0] = model.graph.output[0].name = "renamed"

    written = changed(network, tmp_path / "a.onnx", change)
    assert judged(network, written) == {"status": "wrong", "why": "interface: outputs changed"}
    assert judged(network, written, by_name=False)["status"] == "same"


def test_an_invalid_file_is_wrong(network: tuple[Path, Feeds], tmp_path: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        model.graph.node[0].op_type = "Convolution"

    found = judged(network, changed(network, tmp_path / "a.onnx", change))
    assert found["status"] == "wrong"
    assert str(found["why"]).startswith("invalid model: No Op registered for Convolution")


def test_a_file_that_ends_the_judge_is_wrong(network: tuple[Path, Feeds], monkeypatch: pytest.MonkeyPatch) -> None:
    path, feeds = network
    _, expected = original(path, feeds)
    monkeypatch.setattr(module, "judged", lambda *_: os._exit(9))
    found = verdict(path, path, feeds, expected, by_name=True)
    assert (found["status"], "ends the process" in found["why"]) == ("wrong", True)


def test_a_network_that_does_not_run_says_nothing_about_tools(network: tuple[Path, Feeds], tmp_path: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        model.graph.node[0].domain = "unknown.domain"
        model.opset_import.add(domain="unknown.domain", version=1)

    told = original(changed(network, tmp_path / "a.onnx", change), network[1])
    assert isinstance(told, str)
    assert told.startswith("the network itself does not run")
