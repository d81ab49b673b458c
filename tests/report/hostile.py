"""A network whose names try to break out of a page, folded once for all tests."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SCRIPT = "<script>alert(1)</script>"
MARKUP = "a|b `c` ![x](http://example.com/x.png) <b>$x_1$</b> & \"q\" 'p'"


def network() -> onnx.ModelProto:
    """Conv, a BN that folds, Relu, a BN that stays before a Sigmoid, Conv; the names are markup."""
    rng = np.random.default_rng(0)
    bn = {"scale": rng.uniform(0.5, 1.5, 4), "bias": rng.normal(size=4), "mean": rng.normal(size=4), "var": np.ones(4)}
    weights = {"w1": rng.normal(size=(4, 3, 3, 3)), "w2": rng.normal(size=(2, 4, 1, 1)), **bn}
    weights["w1"][0, 0, 0, 0] = 1e-40
    norm = ["scale", "bias", "mean", "var"]
    nodes = [
        helper.make_node("Conv", ["input", "w1"], ["a"], MARKUP, pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["a", *norm], ["b"], SCRIPT),
        helper.make_node("Relu", ["b"], ["c"], "relu"),
        helper.make_node("BatchNormalization", ["c", *norm], ["d"], f"kept {SCRIPT}"),
        helper.make_node("Sigmoid", ["d"], ["e"], "sigmoid"),
        helper.make_node("Conv", ["e", "w2"], ["</title><h1>out"], "conv2"),
    ]
    graph = helper.make_graph(
        nodes,
        "hostile",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("</title><h1>out", TensorProto.FLOAT, ["N", 2, 8, 8])],
        [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def folded(folder: Path) -> dict[str, Any]:
    """The report of its fold as plain data, with details, every tensor compared, and latency."""
    from bnfold import fold
    from bnfold.verification import Settings

    source = folder / "<img src=x onerror=alert(2)>.onnx"
    onnx.save(network(), source)
    settings = Settings(trace=True)
    options: dict[str, Any] = {"settings": settings, "bench": True, "bench_seconds": 0.4, "details": True}
    return fold(source, output=folder / "out.onnx", **options).report.to_json()
