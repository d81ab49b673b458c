"""Small ONNX models whose cost is known relative to each other."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 3


def chain(path: Path, layers: int, *, normalize_after_relu: bool = False) -> Path:
    """Save `layers` times Conv -> BatchNormalization -> Relu, and one more BatchNormalization on request."""
    rng = np.random.default_rng(0)
    nodes: list[onnx.NodeProto] = []
    weights = {
        "w": rng.normal(size=(CHANNELS, CHANNELS, 3, 3)),
        **{name: rng.uniform(0.5, 1.5, size=CHANNELS) for name in ("gamma", "beta", "mean", "var")},
    }
    value = "x"
    for layer in range(layers):
        nodes += [
            helper.make_node("Conv", [value, "w"], [f"c{layer}"], pads=[1, 1, 1, 1]),
            helper.make_node("BatchNormalization", [f"c{layer}", "gamma", "beta", "mean", "var"], [f"b{layer}"]),
            helper.make_node("Relu", [f"b{layer}"], [f"r{layer}"]),
        ]
        value = f"r{layer}"
    last = "BatchNormalization" if normalize_after_relu else "Identity"
    parameters = ["gamma", "beta", "mean", "var"] if normalize_after_relu else []
    nodes.append(helper.make_node(last, [value, *parameters], ["y"]))
    shape = ["n", CHANNELS, "h", "w"]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., Path]:
    """Return a function (name, layers, ...) -> path of a saved chain."""
    return lambda name, layers, **options: chain(tmp_path / f"{name}.onnx", layers, **options)


@pytest.fixture
def feeds() -> dict[str, np.ndarray]:
    """Return an input that fits every chain."""
    return {"x": np.random.default_rng(1).normal(size=(1, CHANNELS, 24, 24)).astype(np.float32)}
