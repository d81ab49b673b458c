"""What lies in a data file is read from the model's folder, wherever the tensor lies, and nothing from outside."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import bnfold
from bnfold.errors import SourceError
from bnfold.sources.onnx import check
from bnfold.wire import WireError, read_model, read_skeleton
from tests.cli.conftest import small_net
from tests.elsewhere import OUTSIDE, PLACES, VALUES, elsewhere, folder_with_data, stored

INITIALIZER = "initializer"
SMALL = [place for place in PLACES if place != INITIALIZER]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model's folder; the working directory has another file of the same name."""
    (tmp_path / "in.bin").write_bytes(bytes(8))
    monkeypatch.chdir(tmp_path)
    return folder_with_data(tmp_path)


@pytest.mark.parametrize("place", SMALL)
def test_small_tensors_come_with_their_data(folder: Path, place: str) -> None:
    text = read_skeleton(stored(place, "in.bin", folder)).SerializeToString()
    assert VALUES.tobytes() in text
    assert b"in.bin" not in text


def test_an_initializer_is_read_when_it_is_used(folder: Path) -> None:
    model = read_model(stored(INITIALIZER, "in.bin", folder))
    (value,) = model.graph.initializers.values()
    assert value.const_value is not None
    np.testing.assert_array_equal(value.const_value.numpy(), VALUES)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", OUTSIDE)
def test_nothing_is_read_outside(folder: Path, way: str, place: str) -> None:
    path = stored(place, OUTSIDE[way](folder), folder)
    with pytest.raises(WireError, match=r"^its data file .* lies outside of its folder$"):
        read_model(path)
    if place != INITIALIZER:
        with pytest.raises(SourceError, match=rf"^{path} is not a valid ONNX model: its data file .* outside"):
            check(path)


def test_numbers_of_half_a_byte(folder: Path) -> None:
    for location in ("in.bin", "../secret.bin"):
        path = stored(INITIALIZER, location, folder)
        model = onnx.load(path, load_external_data=False)
        (tensor,) = model.graph.initializer
        tensor.data_type, tensor.dims[:] = TensorProto.INT4, [4, 4]
        path.write_bytes(model.SerializeToString())
        if location == "in.bin":
            (value,) = read_model(path).graph.initializers.values()
            assert value.const_value is not None
            halves = [half for byte in VALUES.tobytes() for half in (byte & 15, byte >> 4)]
            signed = [half - 16 * (half > 7) for half in halves]
            np.testing.assert_array_equal(value.const_value.numpy().reshape(-1).astype(int), signed)
        else:
            with pytest.raises(WireError, match="outside"):
                read_model(path)


@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_plain_file_is_refused(folder: Path, place: str) -> None:
    os.mkfifo(folder / "pipe")
    for name in ("pipe", "none"):
        with pytest.raises(WireError, match=f"^its data file {name} is missing or no plain file$"):
            read_model(stored(place, name, folder))


@pytest.mark.parametrize("inside", ["Constant", "function"])
def test_a_network_with_such_weights_folds(folder: Path, inside: str) -> None:
    """The weights of the first convolution are the attribute of a Constant, in the graph or in a function."""
    model = small_net()
    (weight,) = (tensor for tensor in model.graph.initializer if tensor.name == "w1")
    model.graph.initializer.remove(weight)
    (folder / "in.bin").write_bytes(weight.raw_data)
    far = elsewhere("in.bin")
    far.dims[:] = weight.dims
    nodes = [helper.make_node("Constant", [], ["w1"], value=far), *model.graph.node]
    if inside == "function":
        ends = ["input", "scale", "bias", "mean", "var"], ["b"]
        opset = helper.make_opsetid("", 17)
        model.functions.append(helper.make_function("local", "ConvBN", *ends, nodes[:3], [opset]))
        model.opset_import.append(helper.make_opsetid("local", 1))
        nodes[:3] = [helper.make_node("ConvBN", *ends, domain="local")]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    result = bnfold.fold(path)
    assert [node.op_type for node in result.model.graph] == ["Conv", "Relu", "Conv"]
    assert result.report.verification.verdict == "equivalent"
    original = numpy_helper.to_array(weight).astype(np.float64)
    scale, var = (
        numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == name)).astype(np.float64)
        for name in ("scale", "var")
    )
    folded = result.model.graph[0].inputs[1].const_value.numpy()
    factor = scale / np.sqrt(var + np.float32(1e-5))
    np.testing.assert_allclose(folded, original * factor[:, None, None, None], rtol=1e-6)
