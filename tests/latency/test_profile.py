import json

import numpy as np
import pytest

from bnfold.isolation import call
from bnfold.latency.profile import Kernel, Profile, Roof, _multiply_adds, roofline


def shapes(*extents):
    return [{"float": list(each)} for each in extents]


@pytest.mark.parametrize(
    ("op_type", "inputs", "output", "expected"),
    [
        ("Conv", [(2, 8, 5, 5), (6, 4, 3, 3), (6,)], (2, 6, 5, 5), 2 * 6 * 25 * 4 * 9),
        ("ConvTranspose", [(1, 8, 5, 5), (8, 3, 2, 2)], (1, 3, 10, 10), 8 * 25 * 3 * 4),
        ("Gemm", [(3, 7), (7, 5), (5,)], (3, 5), 3 * 7 * 5),
        ("Gemm", [(7, 3), (5, 7)], (3, 5), 3 * 7 * 5),
        ("MatMul", [(2, 3, 7), (7, 5)], (2, 3, 5), 2 * 3 * 7 * 5),
        ("Relu", [(2, 3)], (2, 3), 0),
        ("Add", [(2, 3), (3,)], (2, 3), 0),
    ],
)
def test_multiply_adds_from_the_shapes_of_the_profiler(op_type, inputs, output, expected):
    args = {"op_name": op_type, "input_type_shape": shapes(*inputs), "output_type_shape": shapes(output)}
    assert _multiply_adds(args) == pytest.approx(expected)


def test_the_roof_is_the_larger_of_both_times():
    roof = Roof(multiply_adds=100.0, bytes=10.0)
    computes, moves = Kernel("a", "Conv", "CPU", 2.0, 100.0, 5.0), Kernel("b", "Relu", "CPU", 4.0, 0.0, 20.0)
    found = Profile("m", (computes, moves), roof)
    assert found.share_of_roof([computes]) == pytest.approx(0.5)
    assert found.share_of_roof([moves]) == pytest.approx(0.5)
    assert found.share_of_roof([computes, moves]) == pytest.approx(0.5)
    assert (found.seconds, found.bytes, list(found.by_type())) == (6.0, 25.0, ["Relu", "Conv"])
    assert Profile("m", (computes,), None).share_of_roof([computes]) is None
    assert Profile.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_a_real_run_is_profiled_node_by_node(model, feeds):
    setting = {"feeds": feeds, "threads": 1, "provider": "cpu", "name": "m", "path": model("m", 3)}
    before = call("bnfold.latency.profile:profile", level="disabled", **setting)
    after = call("bnfold.latency.profile:profile", level="all", **setting)
    counts = {op_type: len(kernels) for op_type, kernels in before.by_type().items()}
    assert counts == {"Conv": 3, "BatchNormalization": 3, "Relu": 3, "Identity": 1}
    assert "BatchNormalization" not in after.by_type()
    expected = 24 * 24 * 3 * 3 * 9
    assert [each.multiply_adds for each in before.by_type()["Conv"]] == pytest.approx([expected] * 3)
    image = feeds["x"].nbytes
    assert [each.bytes for each in before.by_type()["Relu"]] == [2 * image] * 3
    assert all(each.seconds > 0 for each in before.kernels)


def test_the_peaks_are_measured():
    found = roofline(1, 1e6)
    assert found.multiply_adds > 1e8
    assert found.bytes > 1e8


def test_one_run_counts_where_only_one_was_profiled():
    from bnfold.latency.profile import _kernels

    args = {"op_name": "Relu", "provider": "CPU", "activation_size": "8", "output_size": "8"}
    events = [
        {"cat": "Session", "name": "model_run", "dur": 9},
        {"cat": "Node", "name": "r_kernel_time", "dur": 1000, "args": args},
        {"cat": "Node", "name": "r_kernel_time", "dur": 10, "args": args},
        {"cat": "Node", "name": "s_kernel_time", "dur": 30, "args": args},
    ]
    found = _kernels(events)
    assert [(each.name, each.bytes) for each in found] == [("r", 16), ("s", 16)]
    assert np.allclose([each.seconds for each in found], [1e-5, 3e-5])
