"""Control flow that shapes and types decide is settled by the example inputs; what values decide is refused."""

import math

import pytest
import torch
from torch import nn

from bnfold.errors import SourceError
from bnfold.fx import fold_module
from tests.fx.nets import folded, normal, seeded

X = normal(2, 3, 6, 6)


class Branching(nn.Module):
    """conv -> BN if the condition on the input holds, else the input."""

    def __init__(self, condition):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.condition = condition

    def forward(self, x):
        return self.bn(self.conv(x)) if self.condition(self, x) else x


def by_unpacking(net, x):
    _, channels, *image = x.shape
    return channels == 3 and all(extent > 4 for extent in image)


SETTLED = {
    "extent": lambda net, x: x.shape[2] > 4,
    "of a result": lambda net, x: net.conv(x).size(3) == x.size(-1),
    "rank": lambda net, x: x.dim() == 4 and len(x.shape) == 4,
    "type": lambda net, x: x.is_floating_point() and not x.is_cuda,
    "gradient": lambda net, x: not x.requires_grad,
    "parts": lambda net, x: len(x.chunk(3, 1)) == 3,
    "range": lambda net, x: list(range(x.shape[1])) == [0, 1, 2],
    "number": lambda net, x: int(x.shape[2] / 2) == 3,
    "rounded": lambda net, x: math.ceil(x.shape[2] / 4) == round(float(x.shape[3] / 3)) == 2,
    "unpacking": by_unpacking,
}


@pytest.mark.parametrize("name", SETTLED)
def test_what_shapes_decide_is_settled(name):
    result, plan = folded(seeded(Branching(SETTLED[name])), X)
    assert plan.removed == ("bn",)
    assert [node.op for node in result.graph.nodes] == ["placeholder", "call_module", "output"]


REFUSED = {
    "value": (lambda net, x: x.sum() > 0, "values of a tensor"),
    "batch size": (lambda net, x: x.shape[0] == 2, "batch size"),
    "samples": (lambda net, x: len(x) > 1, "batch size"),
    "chance": (lambda net, x: torch.rand(()) > 2, None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_values_decide_is_refused(name):
    condition, sentence = REFUSED[name]
    if sentence is None:  # no proxy ever sees it: it is decided while tracing
        assert folded(seeded(Branching(condition)), X)[1].removed == ()
        return
    with pytest.raises(SourceError, match=f"{sentence}.*export"):
        fold_module(seeded(Branching(condition)), (X,))


def test_a_switch_is_settled_by_its_example_and_guarded():
    class Switched(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

        def forward(self, x, normalize, mode=None):
            x = self.conv(x)
            return self.bn(x) if normalize and mode == "all" else x

    module = seeded(Switched())
    result, plan = fold_module(module, (X, True, "all"))
    assert plan.removed == ("bn",)
    torch.testing.assert_close(result(X, True, "all"), module(X, True, "all"))
    with pytest.raises(AssertionError, match="specialized"):
        result(X, False, "all")


def test_hooks_inside_the_evaluation_run_once():
    module = seeded(Branching(lambda net, x: net.conv(x).shape[2] == 3))
    module.conv.register_forward_hook(lambda part, args, output: output[:, :, ::2])
    _, plan = folded(module, X)
    assert plan.removed == ("bn",)
