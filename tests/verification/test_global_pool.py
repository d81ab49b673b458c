"""GlobalMaxPool over every rank."""

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from bnfold.verification.reference import Reference


@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 3, 5, 4), (2, 3, 5, 4, 6)])
def test_largest_of_each_channel(shape: tuple[int, ...]) -> None:
    graph = helper.make_graph(
        [helper.make_node("GlobalMaxPool", ["x"], ["y"])],
        "pool",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3, *[1] * (len(shape) - 2)])],
    )
    model = ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    x = np.random.default_rng(0).normal(size=shape)
    found = Reference(model).run({"x": x})["y"]
    np.testing.assert_array_equal(found.reshape(2, 3), x.reshape(2, 3, -1).max(-1))
