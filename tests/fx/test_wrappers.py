"""Modules as they come: wrapped, frozen, lazy, of mixed types, with state; the result is one like any other."""

import copy
import pickle
from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import bnfold
from bnfold.errors import SourceError, UsageError
from bnfold.fx import fold_module, module_difference
from tests.fx.nets import folded, kept, normal, seeded

X = normal(2, 3, 6, 6)


def plain() -> nn.Sequential:
    return seeded(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1)))


class Applied(nn.Module):
    """A function of conv, bn and the input."""

    def __init__(self, function):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.function = function

    def forward(self, x):
        return self.function(self, x)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile], ids=["DataParallel", "torch.compile"])
def test_what_is_around_the_module_is_taken_off(wrap):
    result = bnfold.fold(wrap(plain()), X)
    assert result.report.affine.after == 0
    assert set(result.model.state_dict()) == {"0.weight", "0.bias", "3.weight", "3.bias"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_an_exported_program_is_a_module():
    result = bnfold.fold(torch.export.export(plain(), (X,)).module(), X)
    assert (result.report.affine.removed, result.report.affine.after) == (1, 0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_one_sentence():
    with pytest.raises(SourceError, match="TorchScript module has no Python code"):
        bnfold.fold(torch.jit.trace(plain(), X), X)


def test_lazy_layers_fold_once_they_have_run():
    module = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d())
    with pytest.raises(SourceError, match=r"lazy layers .* such as 0; run it once"):
        fold_module(module, (X,))
    module(X)
    assert folded(seeded(module), X)[1].removed == ("1",)


class FrozenDetectron(nn.Module):
    """As detectron2 has it: two ways, told apart by whether gradients are wanted."""

    def __init__(self, channels):
        super().__init__()
        self.eps = 1e-3
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.rand(channels) + 0.5)

    def forward(self, x):
        if x.requires_grad:
            return self.scaled(x)
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )

    def scaled(self, x):
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        bias = self.bias - self.running_mean * scale
        return x * scale.reshape(1, -1, 1, 1).to(x.dtype) + bias.reshape(1, -1, 1, 1).to(x.dtype)


class FrozenByHand(FrozenDetectron):
    """The way of it that converts its constants to the type of the input."""

    def forward(self, x):
        return self.scaled(x)


@pytest.mark.parametrize("frozen", [FrozenDetectron, FrozenByHand])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_frozen_batch_norms(frozen, dtype):
    module = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), frozen(4), nn.ReLU()).to(dtype).eval()
    result = bnfold.fold(module, X.to(dtype))
    assert result.report.affine.before > 0
    assert result.report.affine.after == 0
    assert {value.dtype for value in result.model.state_dict().values()} == {dtype}


CASTS = {
    "float": lambda net, x: net.bn(net.conv(x)).float() + 1,
    "to": lambda net, x: net.bn(net.conv(x.to(torch.float32))),
    "half in between": lambda net, x: net.bn(net.conv(x)).half().float(),
    "softmax": lambda net, x: F.softmax(net.bn(net.conv(x)), 1, dtype=torch.float32),
    "constants": lambda net, x: net.bn(net.conv(x)) + torch.zeros(1, 4, 1, 1, dtype=torch.float32),
}


@pytest.mark.parametrize("name", CASTS)
def test_conversions_inside_do_not_blur_the_proof(name):
    result = bnfold.fold(seeded(Applied(CASTS[name])), X)
    assert "bn" in result.plan.removed
    assert result.report.verification.algebra.max_rel < 1e-10


def test_a_float_head_on_a_half_body():
    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = plain(), nn.Linear(2, 3)

        def forward(self, x):
            return self.head(self.body(x).float().mean((2, 3)))

    module = seeded(Head())
    module.body.half()
    result = bnfold.fold(module, X.half())
    assert result.report.affine.after == 0
    assert result.model(X.half()).dtype is torch.float32
    assert result.model.get_parameter("head.weight").dtype is torch.float32


def test_chance_is_the_same_on_both_sides():
    result = bnfold.fold(seeded(Applied(lambda net, x: F.dropout(net.bn(net.conv(x)), 0.5))), X)
    assert result.report.affine.after == 0


@dataclass
class Both:
    y: torch.Tensor
    parts: dict[str, torch.Tensor]


def test_a_dataclass_is_compared_field_by_field():
    module = seeded(Applied(lambda net, x: Both(net.bn(net.conv(x)), {"x": x})))
    result, plan = folded(module, X)
    assert plan.removed == ("bn",)
    wrong = copy.deepcopy(result)
    wrong.get_parameter("conv.weight").data.mul_(1.01)
    assert module_difference(module, wrong, (X,)) > 1e-3


def test_nothing_to_compare_is_no_proof():
    with pytest.raises(SourceError, match="returns no tensor"):
        bnfold.fold(Applied(lambda net, x: x.shape[1]), X)
    with pytest.raises(UsageError, match="no element"):
        bnfold.fold(plain(), X[:0])


CHANGES = {
    "buffer in place": lambda net, x: net.bn(net.conv(x)) + net.count.add_(1),
    "buffer": lambda net, x: (setattr(net, "count", net.count + 1), net.bn(net.conv(x)))[1],
    "attribute": lambda net, x: (setattr(net, "last", net.conv(x)), net.bn(net.last))[1],
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_module_that_changes_itself_is_refused_and_left_as_it_was(name):
    module = seeded(Applied(CHANGES[name]))
    module.register_buffer("count", torch.zeros(()))
    module.last = None
    with pytest.raises(SourceError, match=r"changes its own attribute (count|last)"):
        bnfold.fold(module, X)
    assert module.count == 0
    assert module.last is None


class Keywords(nn.Module):
    """Two inputs, of which one may be left out."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, image, factor=None, *, strict=False):
        y = self.bn(self.conv(image))
        return y if factor is None else y * factor


def test_inputs_by_name():
    module, factor = seeded(Keywords()), normal(2, 1, 1, 1)
    for given in ({"image": X}, {"factor": factor, "image": X}):
        result = bnfold.fold(module, given)
        assert result.report.affine.after == 0
        torch.testing.assert_close(
            result.model(*[given[n] for n in ("image", "factor") if n in given]), module(**given)
        )
    with pytest.raises(UsageError, match="lack image"):
        bnfold.fold(module, {"factor": factor})
    with pytest.raises(UsageError, match="strict has none"):
        bnfold.fold(module, {"image": X, "strict": True})


def test_a_dict_with_other_keys_is_one_input():
    module = seeded(Applied(lambda net, x: {"y": net.bn(net.conv(x["image"]))}))
    assert bnfold.fold(module, {"image": X}).report.affine.after == 0


Pair = namedtuple("Pair", "image factor")


@pytest.mark.parametrize("given", [Pair(X, X[:, :1, :1, :1]), [X, X[:, :1, :1, :1]], (X, X[:, :1, :1, :1])])
def test_an_input_of_several_tensors(given):
    module = seeded(Applied(lambda net, x: net.bn(net.conv(x[0])) * x[1]))
    result = bnfold.fold(module, (given,))
    assert result.report.affine.after == 0
    torch.testing.assert_close(result.model(given), module(given))


INSTANCE = {
    "module": nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
    "plain": nn.InstanceNorm2d(4, track_running_stats=True),
}


@pytest.mark.parametrize("name", INSTANCE)
def test_an_instance_norm_with_running_statistics_is_a_batch_norm(name):
    assert folded(seeded(nn.Sequential(nn.Conv2d(3, 4, 3), copy.deepcopy(INSTANCE[name]))), X)[1].removed == ("1",)
    stays = seeded(nn.Sequential(nn.Sigmoid(), nn.InstanceNorm2d(3, track_running_stats=True), nn.Sigmoid()))
    assert kept(folded(stays, X)[1]) == {"1": "scale_conflict"}


def test_the_function_of_an_instance_norm():
    def own(net, x):
        bn = net.bn
        return F.instance_norm(
            net.conv(x), bn.running_mean, bn.running_var, bn.weight, bn.bias, use_input_stats=False, eps=0.1
        )

    assert folded(seeded(Applied(own)), X)[1].removed == ("bn",)


@pytest.mark.parametrize("layer", [nn.InstanceNorm2d(4), nn.GroupNorm(2, 4), nn.LayerNorm([4, 4, 4])])
def test_what_normalizes_each_sample_stays(layer):
    module = seeded(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), layer, nn.BatchNorm2d(4), nn.Sigmoid()))
    result, plan = folded(module, X)
    assert plan.removed == ("1",)
    assert any(type(part) is type(layer) for part in result.modules())
    assert kept(plan) == {"3": "scale_conflict"}


def test_the_result_is_a_module_like_any_other():
    module = seeded(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Sigmoid(), nn.BatchNorm2d(4)))
    module[0].weight.requires_grad_(requires_grad=False)
    result = bnfold.fold(module, X, merge=False).model
    assert not result.get_parameter("0.weight").requires_grad
    assert result.get_parameter("0.bias").requires_grad
    for again in (copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        assert module_difference(result, again, (X,)) == 0
    fresh = copy.deepcopy(result)
    for value in fresh.state_dict().values():
        value.zero_()
    fresh.load_state_dict(result.state_dict())
    assert torch.equal(fresh(X), result(X))
    # In training mode what is left does what it did: the BN learns, the dropout drops; the folded one is gone for good.
    result.train()
    before = result.get_buffer("4.running_mean").clone()
    result(X)
    assert not torch.equal(before, result.get_buffer("4.running_mean"))
    kinds = [type(part) for part in result.modules() if part.training]
    assert kinds[1:] == [
        nn.Conv2d,
        nn.Dropout,
        nn.Sigmoid,
        nn.BatchNorm2d,
    ]
    result.eval()
    assert torch.equal(result(X), result(X))


def test_a_frozen_part_stays_frozen_where_layers_merge():
    module = seeded(nn.Sequential(nn.Conv2d(3, 8, 1, bias=False), nn.Conv2d(8, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1)))
    module[0].requires_grad_(requires_grad=False)
    module[1].requires_grad_(requires_grad=False)
    result = bnfold.fold(module, X)
    assert len(result.plan.merging.merges) == 1
    first, last = [part for part in result.model.modules() if isinstance(part, nn.Conv2d)]
    assert not first.weight.requires_grad
    assert last.weight.requires_grad
