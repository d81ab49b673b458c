"""Every form of a PyTorch file folds without a word more, to the same function, and is proved against the module."""

import numpy as np
import pytest
import torch

import bnfold
from bnfold.verification.reference import Reference
from tests.sources.forms import FORMS, net

PROVED = ("module", "scripted", "program")
"""For the others the comparison at the end is enough."""


@pytest.mark.parametrize("form", FORMS)
def test_form_folds_completely(form, tmp_path):
    name, write = FORMS[form]
    write(tmp_path / name)
    result = bnfold.fold(tmp_path / name, output=tmp_path / "out.onnx", verify=form in PROVED)
    report = result.report
    assert report.affine.to_json() == {"before": 6, "removed": 6, "after": 0}
    if form in PROVED:
        assert report.verification.verdict == "equivalent"
        assert report.verification.algebra is not None
        assert report.verification.algebra.module is not None
        assert report.verification.algebra.module.max_rel < 1e-10
    assert "written from its trace" in report.description
    assert "3x32x32" in report.description
    assert {decision.node for decision in report.decisions} >= {"bn1", "layer1.0.bn1", "layer2.0.downsample.1"}
    images = torch.rand(5, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        wanted = net().double()(images).numpy()
    (found,) = Reference(result.model).run({result.model.graph.inputs[0].name: images.numpy()}).values()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


def test_what_was_assumed_is_said(tmp_path):
    torch.save(net().train(), tmp_path / "net.pt")
    said = bnfold.inspect(tmp_path / "net.pt").description
    assert "switched from training to eval mode" in said
    assert "input 3x32x32 (assumed; --input says otherwise)" in said
    assert "assumed" not in bnfold.inspect(tmp_path / "net.pt", shapes={"x": (1, 3, 16, 16)}).description
