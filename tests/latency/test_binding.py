import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from bnfold.latency.binding import Bound, Unbound, bind, time_copies
from bnfold.latency.providers import CPU
from bnfold.latency.sessions import open_session, session_options


def session(path):
    return open_session(path, session_options("all", 1))


def test_a_bound_run_computes_what_a_plain_run_does(model, feeds):
    opened = session(model("m", 3))
    bound = bind(opened, feeds, CPU)
    assert isinstance(bound, Bound)
    bound.run()
    (output,) = bound._binding.copy_outputs_to_cpu()
    assert np.array_equal(output, opened.run(None, feeds)[0])


def test_sending_brings_new_values(model, feeds):
    opened = session(model("m", 1))
    mine = {"x": feeds["x"].copy()}
    bound = bind(opened, mine, CPU)
    before = opened.run(None, mine)[0]
    mine["x"] += 1
    bound.run()
    assert np.array_equal(bound._binding.copy_outputs_to_cpu()[0], before)
    bound.send()
    bound.run()
    assert np.array_equal(bound._binding.copy_outputs_to_cpu()[0], opened.run(None, mine)[0])


def test_copies_are_timed_and_grow_with_the_tensors(model):
    opened = session(model("m", 1))
    small, large = (
        time_copies(bind(opened, {"x": np.ones((1, 3, size, size), np.float32)}, CPU), 9) for size in (8, 512)
    )
    assert min(small) > 0
    assert large[0] > 5 * small[0]
    assert large[1] > 5 * small[1]


@pytest.mark.parametrize("kind", [TensorProto.STRING, TensorProto.BFLOAT16])
def test_what_cannot_be_bound_runs_plainly(tmp_path, kind):
    value = [helper.make_tensor_value_info(name, kind, [2]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", value[:1], value[1:])
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    array = np.array(["a", "b"], object)
    if kind == TensorProto.BFLOAT16:
        array = np.ones(2, helper.tensor_dtype_to_np_dtype(kind))
    bound = bind(session(path), {"x": array}, CPU)
    assert isinstance(bound, Unbound)
    assert time_copies(bound, 3) is None
    if kind == TensorProto.STRING:
        bound.run()
