"""ONNX Runtime in its child process."""

import numpy as np
import pytest
from bn_nets import Net, saved

from bnfold.errors import SourceError
from bnfold.isolation import Limits
from bnfold.verification.runtime import run_file


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
