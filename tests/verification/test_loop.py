"""Loop against ONNX Runtime: what is carried, what is stacked over the turns, and no turn at all."""

import itertools

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from bn_nets import as_ir
from onnx import TensorProto, helper

from bnfold.verification import Reference

SCANNED = {"number": [], "row": [3], "matrix": [2, 3], "turn": []}
"""Scan outputs of the body, and their extents."""


def info(name, shape=(), kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def loop(*, count, on, limit, extents=(2, 3)):
    """A Loop v -> v * step + turn while the sum is below the limit; `count` and `on` are left out where None."""
    zero = helper.make_tensor("zero", TensorProto.INT64, [1], [0])
    body = helper.make_graph(
        [
            helper.make_node("Cast", ["i"], ["real"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["v", "step"], ["grown"]),
            helper.make_node("Add", ["grown", "real"], ["w"]),
            helper.make_node("ReduceSum", ["w"], ["number"], keepdims=0),
            helper.make_node("ReduceSum", ["w", "zero"], ["row"], keepdims=0),
            helper.make_node("Less", ["number", "limit"], ["goes_on"]),
            helper.make_node("Identity", ["w"], ["matrix"]),
            helper.make_node("Identity", ["i"], ["turn"]),
        ],
        "body",
        [info("i", kind=TensorProto.INT64), info("on", kind=TensorProto.BOOL), info("v", extents)],
        [
            info("goes_on", kind=TensorProto.BOOL),
            info("w", extents),
            info("number"),
            info("row", extents[1:]),
            info("matrix", extents),
            info("turn", kind=TensorProto.INT64),
        ],
        [zero],
    )
    given = [
        helper.make_tensor("step", TensorProto.FLOAT, [], [1.5]),
        helper.make_tensor("limit", TensorProto.FLOAT, [], [limit]),
    ]
    if count is not None:
        given.append(helper.make_tensor("count", TensorProto.INT64, [], [count]))
    if on is not None:
        given.append(helper.make_tensor("start", TensorProto.BOOL, [], [on]))
    inputs = ["" if count is None else "count", "" if on is None else "start", "x"]
    node = helper.make_node("Loop", inputs, ["y", *SCANNED], body=body)
    outputs = [
        info("y", [2, 3]),
        *(info(n, ["turns", *s], TensorProto.INT64 if n == "turn" else TensorProto.FLOAT) for n, s in SCANNED.items()),
    ]
    graph = helper.make_graph([node], "g", [info("x", [2, 3])], outputs, given)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def compared(model):
    """Both results by name, found equal."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).uniform(0.1, 1, (2, 3)).astype(np.float32)
    theirs = dict(zip([o.name for o in session.get_outputs()], session.run(None, {"x": x}), strict=True))
    ours = Reference(as_ir(model)).run({"x": x})
    for name, value in theirs.items():
        assert ours[name].shape == value.shape, name
        assert ours[name].dtype == (np.int64 if name == "turn" else np.float64), name
        np.testing.assert_allclose(ours[name], value, rtol=1e-5, err_msg=name)
    return ours


@pytest.mark.parametrize(
    ("count", "on", "limit"), list(itertools.product([0, 1, 3, None], [True, False, None], [10.0, 200.0]))
)
def test_a_loop(count, on, limit):
    turns = compared(loop(count=count, on=on, limit=limit))["turn"]
    np.testing.assert_array_equal(turns, np.arange(len(turns)))
    if count == 0 or on is False:
        assert not len(turns)
    elif limit > 100:
        assert len(turns) == count if count is not None else len(turns) > 3


def test_no_turn_of_unknown_extents():
    found = compared(loop(count=0, on=True, limit=10.0, extents=("rows", 3)))
    assert {name: found[name].shape for name in SCANNED} == {
        "number": (0,), "row": (0, 3), "matrix": (0, 0, 3), "turn": (0,),
    }  # fmt: skip
