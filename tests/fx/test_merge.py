"""Modules merge as their exports do: the same layers, in float64 to the last digits, rounded once."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import bnfold
from bnfold.fx.fold import fold_module, module_difference


def randomized(module: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.weight.data.normal_(0, 1, generator=generator)
            part.bias.data.normal_(0, 1, generator=generator)
            part.running_mean.normal_(0, 1, generator=generator)
            part.running_var.uniform_(0.5, 2, generator=generator)
    return module.eval()


class Block(nn.Module):
    def __init__(self, c: int = 4) -> None:
        super().__init__()
        self.wide = nn.Sequential(nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c))
        self.narrow = nn.Sequential(nn.Conv2d(c, c, 1, bias=False), nn.BatchNorm2d(c))
        self.norm = nn.BatchNorm2d(c)
        self.scale = nn.Parameter(torch.rand(c, 1, 1))

    def forward(self, x):
        x = F.relu(x)
        return F.relu(x + self.scale * (self.wide(x) + self.narrow(x) - self.norm(x)))


class Uneven(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv1d(3, 5, 4), nn.Conv1d(3, 5, 1)

    def forward(self, x):
        return self.a(F.pad(x, (1, 2))) + self.b(x)


class Heads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.a, self.b = nn.Conv2d(3, 6, 3), nn.Linear(6, 4), nn.Linear(6, 4)

    def forward(self, x):
        x = F.relu(self.body(x)).mean((2, 3))
        return 0.5 * (self.a(x) + self.b(x))


class Shared(nn.Module):
    """One convolution called twice, of which a merge takes in one call."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        return self.wide(F.relu(self.wide(x) + self.narrow(x)))


@pytest.mark.parametrize(
    ("module", "shape", "layers"),
    [(Block(), (2, 4, 6, 5), 1), (Uneven(), (2, 3, 8), 1), (Heads(), (2, 3, 6, 6), 2), (Shared(), (1, 4, 5, 5), 2)],
)
def test_merged(module, shape, layers):
    module, x = randomized(module), torch.randn(shape)
    exact, _ = fold_module(module, [x], merge=True, exact=True)
    assert module_difference(module, exact, [x]) < 1e-10
    result = bnfold.fold(module, x)
    kinds = (nn.Conv1d, nn.Conv2d, nn.Linear)
    calls = [node for node in result.model.graph.nodes if node.op == "call_module"]
    assert sum(isinstance(result.model.get_submodule(node.target), kinds) for node in calls) == layers
    assert len(result.report.merging.merges) == 1
    assert all(decision.removed for decision in result.plan.decisions)
    for name, value in exact.state_dict().items():
        torch.testing.assert_close(result.model.state_dict()[name], value.float(), rtol=0, atol=0)


def test_the_structure_stays_when_told_so():
    result = bnfold.fold(randomized(Shared()), torch.randn(1, 4, 5, 5), merge=False)
    assert result.report.merging.merges == ()
    assert sum(node.op == "call_module" for node in result.model.graph.nodes) == 3
