"""Reshapes and transpositions of a module that undo each other go, once nothing lies between them."""

import pytest
import torch
from torch import nn

import bnfold


class Rows(nn.Module):
    """LeViT's Linear: batch normalization of all tokens as rows of one matrix."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.linear, self.bn = nn.Linear(cin, cout, bias=False), nn.BatchNorm1d(cout)

    def forward(self, x):
        x = self.linear(x)
        return self.bn(x.flatten(0, 1)).reshape_as(x)


class ChannelsFirst(Rows):
    def forward(self, x):
        return self.bn(self.linear(x).transpose(1, 2)).permute(0, 2, 1)


class Copied(Rows):
    """What is reshaped first has to be copied, and is written in place afterwards."""

    def forward(self, x):
        x = self.linear(x)
        return self.bn(x.transpose(0, 1).reshape(-1, 6)).reshape(x.shape[1], x.shape[0], 6).transpose(0, 1).relu_() + x


def randomized(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d):
            for tensor in (part.weight.data, part.bias.data, part.running_mean):
                tensor.normal_()
            part.running_var.uniform_(0.5, 2)
    return module.eval()


def calls(module: torch.fx.GraphModule) -> list[str]:
    kinds = {
        node.name: type(module.get_submodule(node.target)).__name__
        for node in module.graph.nodes
        if node.op == "call_module"
    }
    return [kinds.get(node.name, str(node.target)) for node in module.graph.nodes if node.op.startswith("call")]


@pytest.mark.parametrize("kind", [Rows, ChannelsFirst])
def test_linear_layers_are_all_that_is_left(kind):
    net = randomized(nn.Sequential(kind(4, 6), nn.Hardswish(), kind(6, 5)))
    result = bnfold.fold(net, torch.randn(2, 7, 4))
    assert calls(result.model) == ["Linear", "Hardswish", "Linear"]
    assert result.model(torch.randn(3, 7, 4)).shape == (3, 7, 5)
    kept = bnfold.fold(net, torch.randn(2, 7, 4), merge=False)
    assert len(calls(kept.model)) > 3


def test_what_does_not_come_back_stays():
    class Turned(Rows):
        def forward(self, x):
            return self.bn(self.linear(x).transpose(1, 2))

    result = bnfold.fold(randomized(Turned(4, 6)), torch.randn(2, 7, 4))
    assert calls(result.model) == ["Linear", "transpose"]


def test_writes_in_place_behind_a_copy_do_not_reach_what_was_copied():
    net = randomized(Copied(4, 6))
    result = bnfold.fold(net, torch.randn(2, 7, 4))
    assert result.report.verification.verdict == "equivalent"
    x = torch.randn(2, 7, 4)
    assert torch.allclose(result.model(x), net(x), atol=1e-5)
