"""Input specifications, seeded batches and a user's samples."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from bnfold.errors import SourceError, UsageError
from bnfold.verification import InputSpec, load_data, resolve, specs_of
from bnfold.verification.data import Data, portions

F32, I64 = np.dtype(np.float32), np.dtype(np.int64)
IMAGE = InputSpec("x", ("n", 3, "h", None), F32)


def test_specs_leave_out_inputs_that_have_an_initializer():
    info = helper.make_tensor_value_info
    inputs = [info("x", TensorProto.FLOAT, ["n", 3, "?", -1]), info("w", TensorProto.FLOAT, [3])]
    weights = [numpy_helper.from_array(np.zeros(3, np.float32), "w")]
    graph = helper.make_graph([], "g", inputs, [], weights)
    model = ir.from_proto(helper.make_model(graph, ir_version=8))
    assert specs_of(model) == [InputSpec("x", ("n", 3, None, None), F32)]


def test_specs_refuse_what_is_no_tensor_of_numbers():
    graph = helper.make_graph([], "g", [helper.make_tensor_value_info("s", TensorProto.STRING, [1])], [])
    with pytest.raises(UsageError, match="'s'"):
        specs_of(ir.from_proto(helper.make_model(graph)))
    graph = helper.make_graph([], "g", [onnx.ValueInfoProto(name="s")], [])
    with pytest.raises(UsageError, match="'s'"):
        specs_of(ir.from_proto(helper.make_model(graph)))


def test_open_dimensions_follow_the_rule():
    specs = [IMAGE, InputSpec("s", ("n", "t"), I64)]
    assert [s.shape for s in resolve(specs, {})] == [("n", 3, 64, 64), ("n", 16)]
    assert [s.shape for s in resolve(specs, {"x": (2, 3, 8, 9)})] == [(2, 3, 8, 9), (2, 16)]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"z": (1,)}, "no input 'z'; the model's inputs are: x, y"),
        ({"x": (1, 3, 8)}, "4 dimensions, not the 3"),
        ({"x": (1, 4, 8, 8)}, "Dimension 1 of input 'x' is fixed to 3, not 4"),
        ({"x": (0, 3, 8, 8)}, "at least 1"),
        ({"x": (1, 3, 8, 8), "y": (1, 9)}, "'h' is given as 8 and as 9"),
    ],
)
def test_an_override_that_does_not_fit(overrides, message):
    with pytest.raises(UsageError, match=message):
        resolve([IMAGE, InputSpec("y", (None, "h"), F32)], overrides)


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_data_by_name_or_as_input(tmp_path):
    x = np.ones((4, 3, 8, 8))
    for key in ("x", "input"):
        data = load_data(save(tmp_path / "d.npz", **{key: x}, labels=np.arange(4)), [IMAGE])
        assert data.feeds["x"].dtype == F32
        assert data.labels.tolist() == [0, 1, 2, 3]
    assert load_data(save(tmp_path / "d.npz", x=x), [IMAGE]).labels is None


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"z": np.zeros(3)}, "must hold the arrays x; it holds: z"),
        ({"x": np.zeros((4, 3, 8))}, r"has shape \(4, 3, 8\); the model takes \(samples, 3, h, \?\)"),
        ({"x": np.zeros((4, 1, 8, 8))}, "has shape"),
        ({"x": np.zeros((4, 3, 8, 8), complex)}, "has type complex128"),
        ({"x": np.zeros((4, 3, 8, 8)), "labels": np.zeros(4)}, "must be integers"),
        ({"x": np.zeros((4, 3, 8, 8)), "labels": np.zeros(5, int)}, "same number of samples"),
        ({"x": np.zeros((0, 3, 8, 8))}, "at least one"),
    ],
)
def test_data_that_does_not_fit(tmp_path, arrays, message):
    with pytest.raises(UsageError, match=message):
        load_data(save(tmp_path / "d.npz", **arrays), [IMAGE])


def test_integer_data_must_fit_the_type(tmp_path):
    spec = [InputSpec("i", ("n",), np.dtype(np.uint8))]
    assert load_data(save(tmp_path / "d.npz", i=np.array([255])), spec).feeds["i"].dtype == np.uint8
    for bad, message in ((np.array([256]), "do not fit"), (np.array([1.5]), "has type float64")):
        with pytest.raises(UsageError, match=message):
            load_data(save(tmp_path / "d.npz", i=bad), spec)


def test_a_file_that_is_no_npz(tmp_path):
    (tmp_path / "d.npz").write_text("hello")
    np.save(tmp_path / "plain.npy", np.zeros(3))
    for name in ("d.npz", "plain.npy"):
        with pytest.raises(SourceError, match=r"cannot be read as an \.npz"):
            load_data(tmp_path / name, [IMAGE])
    with pytest.raises(SourceError, match=r"none\.npz does not exist\.$"):
        load_data(tmp_path / "none.npz", [IMAGE])


def test_portions_respect_a_fixed_batch():
    data = Data({"x": np.arange(5)[:, None]}, None)
    sizes = [p["x"][:, 0].tolist() for p in portions(data, [InputSpec("x", (2, 1), F32)])]
    assert sizes == [[0, 1], [2, 3], [4, 4]]
    sizes = [p["x"][:, 0].tolist() for p in portions(data, [InputSpec("x", (None, 1), F32)], 3)]
    assert sizes == [[0, 1, 2], [3, 4]]
