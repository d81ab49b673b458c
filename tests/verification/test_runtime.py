"""ONNX Runtime in its child process."""

import numpy as np
import onnxruntime
import pytest
from bn_nets import Net, saved

from bnfold.errors import SourceError
from bnfold.isolation import Limits
from bnfold.verification.runtime import RuntimeLostError, RuntimeRefusedError, run_file


def test_outputs_by_name_for_each_set_of_inputs(tmp_path):
    path = saved(Net().folded(), tmp_path / "m.onnx")
    feeds = [{"x": np.full((n, 3, 16, 16), n, np.float32)} for n in (1, 2)]
    found = run_file(path, feeds)
    assert [{k: (v.shape, v.dtype) for k, v in f.items()} for f in found] == [
        {"y": ((n, 10), np.float32)} for n in (1, 2)
    ]


def test_optimization_is_off(tmp_path, monkeypatch):
    """A Conv followed by BatchNormalization must round twice: at the default level they would be merged."""
    import onnxruntime

    levels = []
    real = onnxruntime.InferenceSession

    def spy(path, options, **more):
        levels.append(options.graph_optimization_level)
        return real(path, options, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", spy)
    from bnfold.verification.runtime import session_outputs

    session_outputs(str(saved(Net().original(), tmp_path / "m.onnx")), [])
    assert levels == [onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL]


def test_an_error_is_one_sentence(tmp_path):
    path = saved(Net().folded(), tmp_path / "m.onnx")
    with pytest.raises(SourceError, match="ONNX Runtime cannot run") as caught:
        run_file(path, [{"x": np.zeros((1, 4, 16, 16), np.float32)}])
    assert "\n" not in str(caught.value)


def test_a_child_that_hangs_is_an_error(tmp_path):
    path = saved(Net().folded(), tmp_path / "m.onnx")
    with pytest.raises(SourceError, match="did not finish"):
        run_file(path, [{"x": np.zeros((1, 3, 16, 16), np.float32)}], limits=Limits(timeout=0.01))


def test_a_real_crash_is_one_sentence(tmp_path):
    """ONNX Runtime 1.32 segfaults on a BatchNormalization whose four further outputs have empty names."""
    model = Net().original()
    node = next(n for n in model.graph.node if n.op_type == "BatchNormalization")
    node.output.extend([""] * 4)
    model.opset_import[0].version = 13
    path = saved(model, tmp_path / "m.onnx")
    with pytest.raises(RuntimeRefusedError) as caught:
        run_file(path, [{"x": np.zeros((1, 3, 16, 16), np.float32)}])
    assert "\n" not in str(caught.value)
    if onnxruntime.__version__.startswith("1.32."):
        assert isinstance(caught.value, RuntimeLostError)
        assert "SIGSEGV" in str(caught.value)


def test_too_much_memory_is_one_sentence(tmp_path):
    path = saved(Net().folded(), tmp_path / "m.onnx")
    feeds = [{"x": np.zeros((8192, 3, 16, 16), np.float32)}]
    assert run_file(path, feeds, Limits(memory=2 << 30))
    with pytest.raises(RuntimeLostError, match="needs more than the 150 MiB"):
        run_file(path, feeds, Limits(memory=150 << 20))
