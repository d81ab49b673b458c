"""A folded module as .pt2: no normalization left, the same function, any batch size, and readable by bnfold again."""

import pytest
import torch

import bnfold
from bnfold.errors import UsageError
from tests.sources.forms import FORMS, SHAPE, net


@pytest.mark.parametrize("form", ["module", "state dict", "program", "traced"])
def test_written_and_read_again(form, tmp_path):
    name, write = FORMS[form]
    write(tmp_path / name)
    report = bnfold.fold(tmp_path / name, output=tmp_path / "folded.pt2").report
    assert report.verification.verdict == "equivalent"
    assert report.affine.to_json() == {"before": 6, "removed": 6, "after": 0}
    program = torch.export.load(tmp_path / "folded.pt2")
    assert not [node for node in program.graph.nodes if "norm" in str(node.target)]
    images = torch.rand(5, *SHAPE[1:])
    with torch.no_grad():
        (found,) = torch.utils._pytree.tree_leaves(program.module()(images))
        torch.testing.assert_close(found, net()(images))
    assert bnfold.inspect(tmp_path / "folded.pt2").affine.to_json()["before"] == 0


def test_a_module_in_memory(tmp_path):
    bnfold.fold(net(), torch.rand(SHAPE), output=tmp_path / "folded.pt2")
    assert (tmp_path / "folded.pt2").exists()


def test_an_onnx_model_has_no_such_form(tmp_path):
    (tmp_path / "net.onnx").touch()
    with pytest.raises(UsageError, match="PyTorch models only"):
        bnfold.fold(tmp_path / "net.onnx", output=tmp_path / "folded.pt2")


def test_an_output_that_exists_is_kept(tmp_path):
    (tmp_path / "folded.pt2").write_bytes(b"precious")
    with pytest.raises(UsageError, match="force"):
        bnfold.fold(net(), torch.rand(SHAPE), output=tmp_path / "folded.pt2")
    assert (tmp_path / "folded.pt2").read_bytes() == b"precious"
