import re

import numpy as np
import onnx
import pytest

from bnfold.errors import SourceError, UsageError
from bnfold.latency.sessions import LEVELS, first_run, open_session, session_options


@pytest.mark.parametrize("level", LEVELS)
def test_options_say_what_is_measured(level):
    import onnxruntime

    options = session_options(level, 2)
    names = {"disabled": "DISABLE_ALL", "basic": "ENABLE_BASIC", "all": "ENABLE_ALL"}
    assert options.graph_optimization_level == getattr(onnxruntime.GraphOptimizationLevel, f"ORT_{names[level]}")
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"


def broken(path, kind):
    if kind == "junk":
        path.write_bytes(b"hello junk")
    if kind == "operator":
        values = [onnx.helper.make_tensor_value_info(name, 1, [1]) for name in "xy"]
        node = onnx.helper.make_node("NoSuchOperator", ["x"], ["y"])
        graph = onnx.helper.make_graph([node], "g", values[:1], values[1:])
        onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("missing", r"There is no file \S+; check the path\."),
        ("junk", r"ONNX Runtime cannot load \S+: Protobuf parsing failed\."),
        ("operator", r"ONNX Runtime cannot load \S+: This is an invalid model\. .*NoSuchOperator.*\."),
    ],
)
def test_a_model_that_cannot_be_loaded_is_a_source_error(tmp_path, kind, sentence):
    with pytest.raises(SourceError) as caught:
        open_session(broken(tmp_path / "m.onnx", kind), session_options("all", 1))
    assert re.fullmatch(sentence, str(caught.value))
    assert "ONNXRuntimeError" not in str(caught.value)


def image(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    ("feeds", "sentence"),
    [
        ({}, r"\S+ needs the input 'x'; given: none\."),
        ({"z": image(1)}, r"\S+ needs the input 'x'; given: 'z'\."),
        ({"x": image(1, 3, 8, 8), "z": image(1)}, r"\S+ has no input 'z'; its inputs: 'x'\."),
        (
            {"x": image(1, 3, 8, 8, dtype=np.float64)},
            r"Input 'x' of \S+ is float32 \[n, 3, h, w\], but float64 \[1, 3, 8, 8\] was given\.",
        ),
        ({"x": image(1, 3, 8)}, r"Input 'x' of \S+ is .*, but float32 \[1, 3, 8\] was given\."),
        ({"x": image(1, 4, 8, 8)}, r"Input 'x' of \S+ is .*, but float32 \[1, 4, 8, 8\] was given\."),
        ({"x": image(1, 3, 0, 8)}, r"\S+ does not run on these inputs: .*Invalid input shape.*\."),
    ],
)
def test_feeds_that_do_not_fit_are_a_usage_error(model, feeds, sentence, capfd):
    path = model("m", 1)
    with pytest.raises(UsageError) as caught:
        first_run(open_session(path, session_options("all", 1)), feeds, path)
    assert re.fullmatch(sentence, str(caught.value))
    assert capfd.readouterr() == ("", "")


def test_feeds_that_fit_run(model, feeds):
    path = model("m", 1)
    first_run(open_session(path, session_options("disabled", 1)), feeds, path)


def test_an_initializer_that_is_an_input_may_be_fed_or_not(model, feeds):
    path = model("m", 1)
    proto = onnx.load(path)
    proto.graph.input.append(onnx.helper.make_tensor_value_info("gamma", 1, [3]))
    onnx.save(proto, path)
    session = open_session(path, session_options("disabled", 1))
    first_run(session, feeds, path)
    first_run(session, feeds | {"gamma": np.ones(3, np.float32)}, path)
    with pytest.raises(UsageError, match=r"'gamma' of \S+ is float32 \[3\]"):
        first_run(session, feeds | {"gamma": np.ones(4, np.float32)}, path)
