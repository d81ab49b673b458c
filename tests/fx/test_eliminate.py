"""The dearer forms in a module: the same decisions as for its ONNX export, the same values, and a price."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import bnfold
from bnfold.errors import UsageError
from bnfold.fx import module_difference
from tests.fx.nets import normal, seeded


class Dense(nn.Module):
    """Concatenations that one normalization after the other reads."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.bns = nn.ModuleList(nn.BatchNorm2d(4 + 2 * i) for i in range(3))
        self.convs = nn.ModuleList(nn.Conv2d(4 + 2 * i, 2, 1, bias=False) for i in range(3))

    def forward(self, x):
        x = self.first(x)
        for bn, conv in zip(self.bns, self.convs, strict=True):
            x = torch.cat([x, conv(F.relu(bn(x)))], 1)
        return x.mean((2, 3))


class Everywhere(nn.Module):
    """Every form once."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=(1, 0), bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        self.up, self.bn3 = nn.Conv2d(4, 20, 1), nn.BatchNorm2d(20)
        self.few = nn.Conv2d(20, 1, 3, padding=1, stride=2)
        self.head, self.bn4 = nn.Linear(4, 5), nn.BatchNorm1d(5)
        self.mix = nn.Parameter(torch.eye(4))
        self.scale, self.shift = nn.Parameter(torch.tensor([1.0, -2, 3, -1])), nn.Parameter(torch.ones(4))

    def forward(self, x):
        x = self.bn1(F.relu(self.stem((x - 0.5) / 0.25)))
        y = torch.sigmoid(self.bn2(torch.tanh(x)))
        few = self.few(self.bn3(torch.sigmoid(self.up(y)))).mean((1, 2, 3))
        z = F.relu6(y.mean((2, 3)))
        tokens = torch.sigmoid(F.relu(y.flatten(2).transpose(1, 2) @ self.mix) * self.scale + self.shift)
        padded = F.pad((y - 0.5) / 0.25, (1, 1, 0, 2))
        return torch.sigmoid(self.bn4(torch.tanh(self.head(z)))), few, tokens, F.avg_pool2d(padded, 2)


@pytest.mark.parametrize("make", [Dense, Everywhere])
def test_both_doors_agree(make, tmp_path):
    module, x = seeded(make()), normal(2, 3, 8, 8)
    here = bnfold.fold(module, x, objective="eliminate")
    there = bnfold.fold(module, x, objective="eliminate", output=tmp_path / "out.onnx")
    assert here.report.verification.verdict == there.report.verification.verdict == "equivalent"
    assert module_difference(module, here.model, (x,)) < 1e-5
    assert not any(isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d) for part in here.model.modules())
    ours, theirs = (
        sorted((d.op, sorted(d.forms.values())) for d in result.plan.decisions if d.forms) for result in (here, there)
    )
    assert ours
    assert ours == theirs


def test_the_price_is_reported():
    module = seeded(Dense())
    for bn in module.bns:
        nn.init.uniform_(bn.weight, 0.5, 1.5)
    result = bnfold.fold(module, normal(2, 3, 8, 8), objective="eliminate")
    price = result.report.to_json()["price"]
    assert price["added"] == {"Max": 3}
    assert price["removed"] == {"BatchNormalization": 3, "Relu": 3}
    assert price["multiply_adds"]["before"] == price["multiply_adds"]["after"] == 64 * (9 * 3 * 4 + 2 * (4 + 6 + 8))
    assert result.report.to_json()["objective"] == "eliminate"


def test_latency_is_the_default_and_adds_nothing():
    result = bnfold.fold(seeded(Dense()), normal(2, 3, 8, 8))
    assert result.report.price.added == {}
    assert not any(decision.forms for decision in result.plan.decisions)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_types(dtype):
    module = seeded(Dense()).to(dtype)
    x = normal(2, 3, 8, 8).to(dtype)
    result = bnfold.fold(module, x, objective="eliminate")
    assert {parameter.dtype for parameter in result.model.state_dict().values()} == {dtype}
    assert result.report.affine.after == 0


def test_an_unknown_objective_gets_a_sentence():
    with pytest.raises(UsageError, match="'latency' or 'eliminate'"):
        bnfold.fold(seeded(Dense()), normal(2, 3, 8, 8), objective="speed")
