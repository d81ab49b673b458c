"""Archives of torch.jit and torch.export that could do more than compute are refused before torch opens them."""

import io
import json
import os
import warnings
import zipfile

import pytest
import torch
from torch import nn

from bnfold.errors import SourceError
from bnfold.sources.programs import read_program, read_script
from tests.sources.forms import net, program


class Writes(nn.Module):
    def forward(self, x):
        torch.save(x, "pwned")
        return x


def changed(path, edit):
    """The archive with every part passed through `edit(name, bytes)`; None drops it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as new:
        for info in old.infolist():
            content = edit(info.filename, old.read(info.filename))
            if content is not None:
                new.writestr(info.filename, content)
    path.write_bytes(buffer.getvalue())


@pytest.fixture
def exported(tmp_path):
    path = tmp_path / "net.pt2"
    program(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval(), path)
    return path


def replace_in(part, old, new):
    def edit(name, content):
        if name.endswith(part):
            assert old in content
            return content.replace(old, new)
        return content

    return edit


def pickled(_):
    buffer = io.BytesIO()
    torch.save(Evil(), buffer)
    return buffer.getvalue()


class Evil:
    def __reduce__(self):
        return os.system, ("touch pwned",)


EDITS = {
    "operator": (
        replace_in("models/model.json", b"torch.ops.aten.relu.default", b"torch.os.system"),
        "torch.os.system",
    ),
    "extent": (
        replace_in("models/model.json", b"Symbol('", b"__import__('os').system('touch pwned') or Symbol('"),
        "no arithmetic",
    ),
    "pickled weight": (
        replace_in("weights_config.json", b'"use_pickle": false', b'"use_pickle": true'),
        "as a pickle",
    ),
    "sample inputs": (
        lambda name, content: pickled(content) if "sample_inputs" in name else content,
        "posix.system",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_program_that_does_more_than_compute(exported, name, monkeypatch):
    edit, says = EDITS[name]
    changed(exported, edit)
    monkeypatch.chdir(exported.parent)
    with pytest.raises(SourceError, match=says):
        read_program(exported)
    assert [path.name for path in exported.parent.iterdir()] == ["net.pt2"]


def test_an_object_beside_the_tensors(exported):
    with zipfile.ZipFile(exported, "a") as archive:
        archive.writestr("net/data/constants/custom_obj_0", b"x")
    with pytest.raises(SourceError, match="custom_obj_0"):
        read_program(exported)


def test_a_script_that_writes_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(Writes()), tmp_path / "script.pt")
    with pytest.raises(SourceError, match="calls save"):
        read_script(tmp_path / "script.pt")
    read_script(tmp_path / "script.pt", trust=True)


def test_a_program_in_training_mode(tmp_path):
    program(net().train(), tmp_path / "net.pt2", dynamic=False)
    with pytest.raises(SourceError, match=r"exported in training mode.*model\.eval\(\)"):
        read_program(tmp_path / "net.pt2")


def test_json_of_a_program_is_what_the_screen_expects(exported):
    with zipfile.ZipFile(exported) as archive:
        model = json.loads(archive.read("net/models/model.json"))
    assert {node["target"] for node in model["graph_module"]["graph"]["nodes"]} == {
        "torch.ops.aten.conv2d.default",
        "torch.ops.aten.relu.default",
    }
