"""A folded module, folded again, keeps what the first fold kept, for the same reasons."""

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import bnfold
from bnfold.fx import fold_module, module_difference
from bnfold.fx.lift import lift
from bnfold.memory import KEY
from bnfold.plan import Code
from tests.fx.nets import kept, normal, seeded

X = normal(2, 4, 6, 6)


class Dead(nn.Module):
    """A normalization with a dead channel, whose readers are layers alone once another normalization is gone.

    The calls before it go, so that it does not keep its number among the calls without a module.
    """

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
        self.scale, self.shift = nn.Parameter(torch.ones(4, 1, 1)), nn.Parameter(torch.ones(4))
        self.bn = nn.BatchNorm2d(4)

    def forward(self, x):
        x = self.first(x * self.scale) * self.scale
        gamma = torch.tensor([0.0, 1.0, 1.0, 1.0])
        y = F.batch_norm(x, self.bn.running_mean, self.bn.running_var, gamma * self.bn.weight, self.shift)
        return torch.sigmoid(x), self.second(self.bn(y)), self.third(y)


def test_names_that_change():
    module = seeded(Dead(), 3)
    once, plan = fold_module(module, (X,), merge=True)
    assert set(kept(plan).values()) == {"dead_channel"}
    for copied in (once, pickle.loads(pickle.dumps(once)), copy.deepcopy(once)):
        twice, again = fold_module(copied, (X,), merge=True)
        assert again.removed == ()
        assert list(again.remembered.values()) == list(plan.remembered.values())
        assert twice.meta[KEY] == once.meta[KEY]
        assert module_difference(once, twice, (X,)) == 0
    once.meta.clear()
    del once.bnfold_kept
    assert fold_module(once, (X,), merge=True)[1].removed


def test_the_file_made_of_a_folded_module_remembers(tmp_path):
    once = bnfold.fold(seeded(Dead(), 3), X)
    report = bnfold.fold(once.model, X, output=tmp_path / "out.onnx").report
    assert [d.reason.code for d in report.decisions if d.reason] == [Code.DEAD]


def test_nothing_to_remember_leaves_no_entry():
    once, _ = fold_module(seeded(nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))), (X,))
    assert KEY not in once.meta


STEPS = ("conv", "bn", "dead", "far", "function", "relu", "sigmoid", "stream", "two", "number")


class Net(nn.Module):
    """Normalizations with dead channels and far shifts, as modules and as calls."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps
        self.bns = nn.ModuleList(nn.BatchNorm2d(4) for _ in steps)
        self.convs = nn.ModuleList(nn.Conv2d(4, 4, 1) for _ in steps)

    def prepared(self, seed):
        seeded(self, seed)
        with torch.no_grad():
            for step, bn in zip(self.steps, self.bns, strict=True):
                if step in ("dead", "function"):
                    bn.weight[seed % 4] = 0
                if step in ("far", "stream"):
                    bn.bias += 300
        return self

    def forward(self, x):
        x = self.convs[0](x)
        for step, bn, conv in zip(self.steps, self.bns, self.convs, strict=True):
            if step == "conv":
                x = conv(x)
            elif step == "function":
                x = F.batch_norm(x, bn.running_mean, bn.running_var, bn.weight, bn.bias)
            elif step == "relu":
                x = F.relu(x)
            elif step == "sigmoid":
                x = x.sigmoid()
            elif step == "stream":
                x = x + conv(F.relu(bn(x)))
            elif step == "two":
                x = conv(x) - conv(bn(x))
            elif step == "number":
                x = 3 - x * 2
            else:
                x = bn(x)
        return self.convs[-1](x)


@settings(max_examples=40)
@given(st.lists(st.sampled_from(STEPS), min_size=2, max_size=9), st.integers(0, 99), st.booleans())
def test_folding_twice_is_folding_once(steps, seed, merge):
    module = Net(steps).prepared(seed)
    once, plan = fold_module(module, (X,), merge=merge)
    twice, again = fold_module(once, (X,), merge=merge)
    assert again.removed == ()
    stay = {d.node: d.reason for d in plan.decisions if not d.removed}
    known = lift(once, (X,)).network.kept
    assert known == {name: reason for name, reason in plan.remembered.items() if name in stay}
    assert {d.node for d in again.decisions} == stay.keys()
    assert all(reason == known.get(d.node, reason) for d in again.decisions if (reason := d.reason))
    state, after = once.state_dict(), twice.state_dict()
    assert state.keys() == after.keys()
    assert all(torch.equal(state[name], after[name]) for name in state)


@pytest.mark.parametrize("merge", [True, False])
def test_both_doors_keep_the_same(merge):
    module = Net(["dead", "bn", "two", "far", "stream", "function", "relu"]).prepared(1)
    _, plan = fold_module(module, (X,), merge=merge)
    report = bnfold.inspect(module, shapes={"": (1, 4, 6, 6)}, merge=merge)
    assert [(d.node, d.removed) for d in plan.decisions] == [(d.node, d.removed) for d in report.decisions]
