"""Both doors come to the same decisions: the ONNX export of a module, and the module itself."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import bnfold
from bnfold import zoo
from bnfold.fx import fold_module, module_difference
from tests.fx.nets import batch_norms, folded, kept, normal, seeded


class Dense(nn.Module):
    """Concatenations: what one branch writes, two normalizations read."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.bn1, self.bn2 = nn.BatchNorm2d(4), nn.BatchNorm2d(8)
        self.second = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        x = self.first(x)
        y = self.second(torch.relu(self.bn1(x)))
        return self.last(F.relu(self.bn2(torch.cat([x, y], 1))))


class Tokens(nn.Module):
    """Linear layers over patches, with and without bias, and constants of all kinds."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 6, 2, stride=2)
        self.bn = nn.BatchNorm1d(6)
        self.mix = nn.Linear(6, 5, bias=False)
        self.scale = nn.Parameter(torch.zeros(5))
        self.head = nn.Linear(5, 3)
        self.out = nn.BatchNorm1d(3)

    def forward(self, x):
        x = self.bn(self.patch((x - 0.5) / 0.25).flatten(2)).transpose(1, 2)
        x = F.relu(self.mix(x)) * self.scale
        return self.out(self.head(x.mean(1)))


class Gated(nn.Module):
    """A squeeze-and-excitation gate, and a normalization that has nowhere to go."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1), nn.Sigmoid())
        self.after, self.stays = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        self.up = nn.ConvTranspose2d(4, 2, 2, stride=2)

    def forward(self, x):
        x = self.bn(self.conv(x))
        x = self.after(x * self.gate(x))
        return self.up(self.stays(torch.tanh(x)))


ZOO = {
    "resnet20": (zoo.resnet20, 21, 16),
    "resnet20v2": (zoo.resnet20v2, 19, 16),
}


@pytest.mark.parametrize("name", ZOO)
def test_every_batch_norm_of_the_zoo_goes(name):
    build, count, size = ZOO[name]
    module = seeded(build(), 5)
    assert batch_norms(module) == count
    result, plan = folded(module, normal(2, 3, size, size))
    assert batch_norms(result) == 0
    assert set(plan.removed) == {path for path, part in module.named_modules() if isinstance(part, nn.BatchNorm2d)}
    convolutions = [part for part in result.modules() if isinstance(part, nn.Conv2d)]
    assert len(convolutions) == sum(isinstance(part, nn.Conv2d) for part in module.modules())


def test_resnet50_folds_exactly():
    module, x = seeded(zoo.resnet50(), 5), normal(1, 3, 32, 32)
    exact, plan = fold_module(module, (x,), exact=True)
    assert (len(plan.removed), batch_norms(exact)) == (53, 0)
    assert module_difference(module, exact, (x,)) < 1e-10


def shallow(cls, block):
    """The nets of the zoo with one block per stage, which take less long to export."""
    return cls(block, (1, 1), num_classes=4, stem="cifar", stem_width=8, widths=(8, 16))


BUILDERS = (
    lambda: shallow(zoo.ResNet, zoo.Bottleneck),
    lambda: shallow(zoo.PreActResNet, zoo.PreActBasicBlock),
    Dense,
    Tokens,
    Gated,
)


@pytest.mark.parametrize("build", BUILDERS)
def test_the_onnx_export_is_decided_alike(build):
    module = seeded(build(), 7)
    _, plan = fold_module(module, (normal(2, 3, 16, 16),))
    report = bnfold.inspect(module, shapes={"": (1, 3, 16, 16)})
    assert [(d.node, d.op, d.removed) for d in plan.decisions] == [(d.node, d.op, d.removed) for d in report.decisions]


def test_leftovers_are_folded_as_far_as_they_go():
    result, plan = folded(seeded(Gated(), 9), normal(2, 3, 8, 8))
    assert "bn" in plan.removed
    assert "stays" in kept(plan)
    assert batch_norms(result) == len(kept(plan))
