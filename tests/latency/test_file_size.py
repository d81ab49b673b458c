import numpy as np
import onnx
import pytest

from bnfold.errors import SourceError
from bnfold.latency.file_size import stored_bytes
from tests.elsewhere import PLACES, VALUES, folder_with_data, stored


def test_a_single_file_counts_as_it_is(model):
    path = model("m", 1)
    assert stored_bytes(path) == path.stat().st_size


def test_external_data_counts_once_a_file(model, tmp_path):
    path = tmp_path / "external.onnx"
    onnx.save(onnx.load(model("m", 1)), path, save_as_external_data=True, location="external.data", size_threshold=0)
    data = (tmp_path / "external.data").stat().st_size
    assert data >= 4 * 3 * 3 * 9
    assert stored_bytes(path) == path.stat().st_size + data


def test_external_data_of_attributes_counts(tmp_path):
    tensor = onnx.numpy_helper.from_array(np.ones(1000, np.float32), "c")
    constant = onnx.helper.make_node("Constant", [], ["y"], value=tensor)
    graph = onnx.helper.make_graph([constant], "g", [], [onnx.helper.make_tensor_value_info("y", 1, [1000])])
    path = tmp_path / "constant.onnx"
    external = {"save_as_external_data": True, "location": "constant.data", "size_threshold": 0}
    onnx.save(onnx.helper.make_model(graph), path, **external, convert_attribute=True)
    assert stored_bytes(path) == path.stat().st_size + 4000


@pytest.mark.parametrize("place", PLACES)
def test_external_data_count_wherever_the_tensor_lies(place, tmp_path):
    path = stored(place, "in.bin", folder_with_data(tmp_path))
    assert stored_bytes(path) == path.stat().st_size + VALUES.nbytes


def test_missing_external_data_is_named(model, tmp_path):
    path = tmp_path / "external.onnx"
    onnx.save(onnx.load(model("m", 1)), path, save_as_external_data=True, location="gone.data", size_threshold=0)
    (tmp_path / "gone.data").unlink()
    with pytest.raises(
        SourceError, match=r"external\.onnx is incomplete: its data file gone\.data is missing or no plain file\.$"
    ):
        stored_bytes(path)


def test_something_else_is_refused(tmp_path):
    (tmp_path / "junk.onnx").write_bytes(b"hello junk")
    with pytest.raises(SourceError, match="not a readable ONNX model"):
        stored_bytes(tmp_path / "junk.onnx")
