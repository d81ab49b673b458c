"""`bnfold.fold(module, example_inputs)`: a module in, a module out, with counts and proof."""

from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

import bnfold
from bnfold.errors import SourceError, UsageError
from bnfold.fx import door
from bnfold.report.data import FoldDiffersError
from bnfold.zoo import resnet20v2


def small() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))
    nn.init.uniform_(net[1].weight, 0.5, 1.5)
    nn.init.normal_(net[1].bias)
    net[1].running_mean.normal_()
    return net


def test_a_module_stays_a_module() -> None:
    module, images = resnet20v2(num_classes=10, in_channels=1).eval(), torch.rand(4, 1, 8, 8)
    result = bnfold.fold(module, images)
    assert isinstance(result.model, nn.Module)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in result.model.modules())
    assert result.report.affine.to_json() == {"before": 19, "removed": 19, "after": 0}
    proof = result.report.verification
    assert proof.verdict == "equivalent"
    assert proof.algebra is not None
    assert 0 < proof.algebra.max_rel < 1e-10
    assert proof.rounding is not None
    assert (proof.rounding.by, proof.rounding.dtype) == ("PyTorch", "float32")
    assert result.report.proof is None
    assert door.NO_CERTIFICATE in proof.sentences
    torch.testing.assert_close(result.model(images), module(images))


def test_training_mode_and_parameters_are_left_as_they_were() -> None:
    module = small().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    bnfold.fold(module, (torch.rand(2, 3, 8, 8),))
    assert module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_wrong_weight_flips_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = door.fold_module

    def sabotage(module, inputs, **settings):  # type: ignore[no-untyped-def]
        folded, plan = honest(module, inputs, **settings)
        with torch.no_grad():
            next(folded.parameters())[0, 0, 1, 1] *= 1.001
        return folded, plan

    monkeypatch.setattr(door, "fold_module", sabotage)
    with pytest.raises(FoldDiffersError):
        bnfold.fold(small(), torch.rand(2, 3, 8, 8))


def test_example_inputs_tell_the_shapes_of_an_onnx_model(tmp_path: Path) -> None:
    bnfold.fold(small().eval(), torch.rand(2, 3, 8, 8), output=tmp_path / "out.onnx", verify=False)
    (value,) = onnx.load(tmp_path / "out.onnx").graph.input
    assert [dim.dim_value for dim in value.type.tensor_type.shape.dim][1:] == [3, 8, 8]


def test_an_output_in_the_place_of_example_inputs() -> None:
    with pytest.raises(UsageError, match="output="):
        bnfold.fold("model.onnx", "out.onnx")


def test_example_inputs_go_with_modules_only() -> None:
    with pytest.raises(SourceError, match=r"not with a str"):
        bnfold.fold("model.onnx", torch.rand(1, 3, 8, 8))
