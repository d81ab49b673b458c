"""Data files beside a model: found wherever a tensor can lie, and none is read outside of the model's folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bnfold.errors import SourceError
from bnfold.proof.certificate import Certificate, digest, read, write
from bnfold.proof.checker import check_files
from bnfold.proof.reading.data_files import LARGEST, whole
from tests.cli.conftest import small_net
from tests.elsewhere import OUTSIDE, PLACES, VALUES, branches, elsewhere, folder_with_data, stored


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_with_data(tmp_path)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_digest_of_an_ordinary_model_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "abc.pt").write_bytes(b"abc")
    assert digest(tmp_path / "abc.pt") == {  # FIPS 180-2, appendix B.1
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    }
    onnx.save(small_net(), tmp_path / "a.onnx")
    assert digest(tmp_path / "a.onnx") == {"sha256": sha256(tmp_path / "a.onnx")}
    onnx.save(small_net(), tmp_path / "b.onnx", save_as_external_data=True, location="b.data", size_threshold=0)
    assert digest(tmp_path / "b.onnx") == {
        "sha256": sha256(tmp_path / "b.onnx"),
        "b.data": sha256(tmp_path / "b.data"),
    }


@pytest.mark.parametrize("place", PLACES)
def test_a_data_file_counts_wherever_the_tensor_lies(folder: Path, place: str) -> None:
    path = stored(place, "in.bin", folder)
    assert digest(path) == {"sha256": sha256(path), "in.bin": sha256(folder / "in.bin")}


@pytest.mark.parametrize("place", PLACES)
def test_its_data_are_read_in_the_folder_of_the_model(
    folder: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.parent / "in.bin").write_bytes(bytes(8))
    monkeypatch.chdir(folder.parent)  # where another file has the same name
    text = whole(stored(place, "in.bin", folder)).SerializeToString()
    assert VALUES.tobytes() in text
    assert b"in.bin" not in text


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", OUTSIDE)
def test_nothing_is_read_outside(folder: Path, way: str, place: str) -> None:
    path = stored(place, OUTSIDE[way](folder), folder)
    for reading in (digest, whole):
        with pytest.raises(
            SourceError, match=r"^The data file '.*' of .* lies outside of the model's folder; [^.]*\.$"
        ):
            reading(path)


def test_links_that_stay_inside_are_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "link.bin").symlink_to("in.bin")
    path = stored("initializer", "link.bin", folder)
    (tmp_path / "other").symlink_to(folder)
    for seen in (path, tmp_path / "other" / path.name):
        assert digest(seen) == {"sha256": sha256(path), "link.bin": sha256(folder / "in.bin")}
        np.testing.assert_array_equal(numpy_helper.to_array(whole(seen).graph.initializer[0]), VALUES)


def test_a_data_file_cannot_hide_the_model(folder: Path) -> None:
    (folder / "sha256").write_bytes(VALUES.tobytes())
    path = stored("initializer", "sha256", folder)
    assert digest(path) == {"sha256": sha256(path), "./sha256": sha256(folder / "sha256")}


def pipe(folder: Path) -> str:
    os.mkfifo(folder / "pipe")
    return "pipe"


def loop(folder: Path) -> str:
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    return "a"


def huge(folder: Path) -> str:
    with (folder / "huge.bin").open("wb") as file:
        file.truncate(LARGEST + 1)  # which takes no room
    return "huge.bin"


UNREADABLE = {
    "missing": (lambda _: "none.bin", "is missing or no plain file"),
    "no name": (lambda _: "", "is missing or no plain file"),
    "a folder": (lambda _: ".", "is missing or no plain file"),
    "a pipe": (pipe, "is missing or no plain file"),
    "a loop of links": (loop, "(cannot be looked up|is missing)"),
    "a name with NUL": (lambda _: "in\0.bin", "cannot be looked up"),
    "a name too long": (lambda _: "n" * 5000, "cannot be looked up"),
    "too large": (huge, f"has {LARGEST + 1} bytes, and none of more than {LARGEST} is read"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_a_sentence(folder: Path, name: str) -> None:
    make, sentence = UNREADABLE[name]
    path = stored("initializer", make(folder), folder)
    for reading in (digest, whole):
        with pytest.raises(SourceError, match=rf"^The data file '[^']*' of {path} {sentence}[^.]*\.$"):
            reading(path)


def test_a_name_that_is_no_text_is_a_sentence(folder: Path) -> None:
    path = stored("initializer", "in.bin", folder)
    model = onnx.load(path, load_external_data=False)
    model.graph.initializer.append(elsewhere("text"))
    path.write_bytes(model.SerializeToString().replace(b"in.bin", b"\xff\xfe.bin"))
    for reading in (digest, whole):
        with pytest.raises(SourceError, match="cannot be looked up"):
            reading(path)


@pytest.mark.parametrize(("key", "value"), [("offset", "-1"), ("offset", "x"), ("offset", "9"), ("length", "9")])
def test_data_that_are_not_there_are_a_sentence(folder: Path, key: str, value: str) -> None:
    path = stored("initializer", "in.bin", folder)
    model = onnx.load(path, load_external_data=False)
    model.graph.initializer[0].external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(SourceError, match=rf"^The data of tensor 'w' of {path} cannot be read: [^\n]*[^.]\.$"):
        whole(path)


@pytest.mark.parametrize("content", [b"\xff" * 50, b"not a model"])
def test_a_damaged_model_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    models = tmp_path / "a.onnx", tmp_path / "b.onnx"
    for path in models:
        onnx.save(small_net(), path)
    write(Certificate({}), tmp_path / "c", *models)
    models[1].write_bytes(content)
    with pytest.raises(SourceError, match=rf"^{models[1]} cannot be read as an ONNX model \(\w+\)\.$"):
        read(tmp_path / "c", *models)


def test_a_missing_model_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=rf"^{tmp_path / 'none.pt'} cannot be read: No such file or directory\.$"):
        digest(tmp_path / "none.pt")
    with pytest.raises(SourceError, match=r"none\.onnx cannot be read"):
        digest(tmp_path / "none.onnx")


def test_a_tensor_that_lies_about_its_size_is_a_sentence(folder: Path) -> None:
    (folder / "in.bin").write_bytes(bytes(7))
    path = stored("initializer", "in.bin", folder)
    with pytest.raises(SourceError, match=rf"^{path} cannot be checked: it is damaged \(ValueError\)\.$"):
        check_files(path, path, Certificate({}))


@pytest.mark.parametrize("same", [True, False])
def test_a_function_is_compared_with_its_data(tmp_path: Path, same: bool) -> None:
    """Two functions that name data files alike, in two folders."""
    body = helper.make_graph([], "b", [], [helper.make_tensor_value_info("w", TensorProto.FLOAT, [2])])
    body.initializer.append(elsewhere("in.bin"))
    nodes = [*branches(body), helper.make_node("Add", ["x", "y"], ["z"])]
    called = helper.make_function("local", "F", ["x"], ["z"], nodes, [helper.make_opsetid("", 17)])
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xz"]
    main = helper.make_graph([helper.make_node("F", ["x"], ["z"], domain="local")], "g", infos[:1], infos[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    model = helper.make_model(main, opset_imports=opsets, ir_version=8, functions=[called])
    paths = [tmp_path / name / "model.onnx" for name in ("original", "folded")]
    for path, values in zip(paths, (VALUES, VALUES if same else VALUES + 1), strict=True):
        path.parent.mkdir()
        path.write_bytes(model.SerializeToString())
        (path.parent / "in.bin").write_bytes(values.tobytes())
    assert check_files(*paths, Certificate({})).proved is same
