"""What is used twice is copied, what is written in place is not, and the module given stays as it was."""

import operator
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bnfold.errors import SourceError
from bnfold.fx import fold_module, module_difference
from bnfold.fx.lift import lift
from bnfold.fx.lower import lower
from bnfold.gauge.solve import solve
from bnfold.plan import SENTENCES, Code, Reason
from tests.fx.nets import batch_norms, folded, normal, seeded


class Twice(nn.Module):
    """One convolution with two readers, of which one is normalized."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn, self.other = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x):
        return self.bn(self.conv(x)), self.other(self.conv(torch.tanh(x))), torch.sigmoid(self.conv(x))


def test_a_module_called_thrice_gets_copies():
    result, plan = folded(seeded(Twice()), normal(2, 3, 4, 4))
    assert plan.removed == ("bn", "other")
    assert sum(isinstance(part, nn.Conv2d) for part in result.modules()) == 3


class Tied(nn.Module):
    """Two layers and a function share a weight."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.b.weight = self.a.weight
        self.bn, self.bn2 = nn.BatchNorm1d(4), nn.BatchNorm1d(4)

    def forward(self, x):
        return self.bn(self.a(x)) + self.bn2(nn.functional.linear(x, self.a.weight)), self.b(x)


def test_shared_parameters_are_copied():
    _, plan = folded(seeded(Tied()), normal(2, 4))
    assert plan.removed == ("bn", "bn2")


class Stream(nn.Module):
    """relu(bn(x)) in place on a stream that is read again."""

    def __init__(self, write):
        super().__init__()
        self.first, self.bn = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.second, self.third = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 1)
        self.write = write

    def forward(self, x):
        x = self.first(x)
        y = self.second(self.write(self.bn(x))) + x
        z = self.third(x)
        return y, self.write(z) + z


WRITES = {
    "module": nn.ReLU(inplace=True),
    "relu_": torch.relu_,
    "method": lambda x: x.relu_().mul_(2),
    "leaky": lambda x: nn.functional.leaky_relu(x, inplace=True),
    "leaky_": lambda x: nn.functional.leaky_relu_(x),
    "other": lambda x: x.sigmoid_(),
}


@pytest.mark.parametrize("write", WRITES)
def test_what_is_written_in_place_is_read_as_written(write):
    result, plan = folded(seeded(Stream(WRITES[write])), normal(2, 3, 4, 4))
    assert batch_norms(result) == (write == "other")
    assert ("bn" in plan.removed) == (write != "other")


def test_writes_that_a_trace_does_not_see_are_noticed():
    with pytest.raises(SourceError, match="does not compute"):
        fold_module(seeded(Stream(lambda x: operator.iadd(x, 2))), (normal(2, 3, 4, 4),))


class Written(nn.Module):
    """A write into a view of what is read afterwards."""

    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(3)

    def forward(self, x):
        x = self.bn(x)
        x.flatten(1).relu_()
        return x


def test_writes_through_views_are_refused():
    with pytest.raises(SourceError, match="writes into memory"):
        fold_module(seeded(Written()), (normal(2, 3, 4, 4),))


def test_buffers_alone_are_computed_exactly():
    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
            for name in ("weight", "bias", "running_mean", "running_var"):
                self.register_buffer(name, torch.rand(4) + 0.1)

        def forward(self, x):
            w, b, mean, var = (
                value.reshape(1, -1, 1, 1) for value in (self.weight, self.bias, self.running_mean, self.running_var)
            )
            scale = w * (var + 1e-5).rsqrt()
            return self.conv(x) * scale + (b - mean * scale)

    result, plan = folded(Frozen().eval(), normal(2, 3, 5, 5))
    assert plan.removed == ("Mul", "Add")
    assert [node.op for node in result.graph.nodes] == ["placeholder", "call_module", "output"]
    assert list(result.state_dict()) == ["conv.weight", "conv.bias"]


def test_leftover_runs_become_one_batch_normalization():
    class Run(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale, self.shift = nn.Parameter(torch.ones(3, 1, 1)), nn.Parameter(torch.ones(3, 1, 1))
            self.bn = nn.BatchNorm2d(3, affine=False, eps=0.1)

        def forward(self, x):
            y = torch.sigmoid(torch.tanh(x) * self.scale + self.shift)
            return y, torch.sigmoid(self.bn(torch.tanh(x) - 0.5))

    module, x = seeded(Run()), normal(2, 3, 4, 4)
    result, plan = folded(module, x)
    assert {name: [step.op for step in form] for name, form in plan.forms.items()} == {"Add": ["BatchNormalization"]}
    assert next(decision for decision in plan.decisions if decision.node == "Mul").into == ("Add",)
    assert [node.target for node in result.graph.nodes if node.op == "call_function"].count(F.batch_norm) == 1
    lifted = lift(module, (x,))
    withdrawn = Reason(Code.WITHDRAWN, SENTENCES[Code.WITHDRAWN])
    plan = solve(lifted.network, {"Sub": withdrawn, "bn": withdrawn})
    assert next(decision for decision in plan.decisions if decision.node == "Sub").into == ("bn",)
    assert module_difference(module, lower(lifted, plan, exact=True), (x,)) < 1e-10


def test_the_result_is_a_module_like_any_other(tmp_path):
    module = seeded(Twice())
    result, _ = fold_module(module, (normal(2, 3, 4, 4),))
    again = pickle.loads(pickle.dumps(result))
    assert module_difference(result, again, (normal(2, 3, 4, 4),)) == 0
    assert all(parameter.requires_grad for parameter in result.parameters())
    shared = {parameter.data_ptr() for parameter in module.parameters()}
    assert not shared & {parameter.data_ptr() for parameter in result.parameters()}


def test_training_mode_is_left_and_not_taken_over():
    module = seeded(Twice()).train()
    result, plan = folded(module, normal(2, 3, 4, 4))
    assert plan.removed == ("bn", "other")
    assert module.training
    assert not result.training
