import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bnfold.isolation import call
from bnfold.latency import footprint

SIDE = 2048


@pytest.fixture
def product(tmp_path):
    """A model of one square weight of 16 MB, and one with the weight not needed."""

    def save(name, op_type):
        weight = numpy_helper.from_array(np.ones((SIDE, SIDE), np.float32), "w")
        inputs = ["x", "w"] if op_type == "MatMul" else ["x"]
        values = [helper.make_tensor_value_info(each, TensorProto.FLOAT, [1, SIDE]) for each in "xy"]
        node = helper.make_node(op_type, inputs, ["y"])
        graph = helper.make_graph([node], "g", values[:1], values[1:], [weight] if len(inputs) > 1 else [])
        path = tmp_path / f"{name}.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        return path

    return save


def test_the_peak_holds_the_weights(product):
    setting = {"feeds": {"x": np.ones((1, SIDE), np.float32)}, "level": "all", "threads": 1, "provider": "cpu"}
    with_weight, without = (
        call("bnfold.latency.footprint:peak_bytes", path=product(op_type, op_type), **setting)
        for op_type in ("MatMul", "Relu")
    )
    assert with_weight - without > 4 * SIDE**2


def test_a_system_that_does_not_tell_says_none(model, feeds, monkeypatch):
    monkeypatch.setattr(footprint.sys, "platform", "darwin")
    assert footprint.peak_bytes(model("m", 1), feeds, "all", 1, "cpu") is None
