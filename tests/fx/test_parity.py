"""Both doors say the same of every module that both can express: the same ledger, and in float64 the same numbers."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

import bnfold
from bnfold.fx import fold_module
from bnfold.fx.trace import tensors
from bnfold.fx.write import write_onnx
from bnfold.gauge.solve import solve
from bnfold.graph.facts import read_facts
from bnfold.graph.prepare import prepare
from bnfold.verification.reference import Reference
from tests.fx.nets import normal, seeded
from tests.fx.test_forms import CASES, Through
from tests.fx.test_write import LEFT_TO_TORCH, SETTINGS_ARE_FLOAT32

ANY_IMAGE_SIZE = {"sum of an image"}
"""A folded module still takes images of another size; a written ONNX model says which size it takes."""


def ledger(plan):
    return [
        (d.node, d.op, d.removed, d.reason and d.reason.code, d.reason and d.reason.channel) for d in plan.decisions
    ]


@pytest.mark.parametrize("name", sorted(CASES.keys() - LEFT_TO_TORCH.keys() - ANY_IMAGE_SIZE))
def test_the_ledger_of_every_form_is_the_same(name):
    form, _, rank = CASES[name]
    module, x = Through(form, rank, shift=True).requires_grad_(False), normal(2, 4, *([6] * (rank - 2)))
    model = write_onnx(module, [x], ["input"])
    prepare(model)
    assert ledger(fold_module(module, (x,))[1]) == ledger(solve(read_facts(model).network))


class Frozen(nn.Module):
    """torchvision's FrozenBatchNorm2d."""

    def __init__(self, channels):
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.rand(channels) + 0.5)

    def forward(self, x):
        w, b, mean, var = (
            t.reshape(1, -1, 1, 1) for t in (self.weight, self.bias, self.running_mean, self.running_var)
        )
        scale = w * (var + 1e-5).rsqrt()
        return x * scale + (b - mean * scale)


class Heads(nn.Module):
    """Two heads on one body, named in a dict, with control flow on shapes."""

    def __init__(self):
        super().__init__()
        self.body, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.heads = nn.ModuleDict({"a": nn.Conv2d(4, 2, 1), "b": nn.Sequential(nn.BatchNorm2d(4), nn.Sigmoid())})

    def forward(self, x):
        assert x.shape[1] == 3
        x = self.norm(self.body(x))
        return {name: head(F.relu(x)) if name == "a" else head(x) for name, head in self.heads.items()}


def hooked():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.Sigmoid())
    module[1].register_forward_hook(lambda part, args, output: output * 2 - 1)
    return module


def shared():
    conv = nn.Conv2d(3, 3, 1)
    return nn.Sequential(conv, nn.BatchNorm2d(3), nn.ReLU(), conv, nn.BatchNorm2d(3), nn.Sigmoid(), conv)


MODULES = {
    "frozen": lambda: nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), Frozen(4), nn.ReLU(), nn.Conv2d(4, 2, 1)),
    "heads": Heads,
    "hooked": hooked,
    "shared": shared,
    "weight_norm": lambda: nn.Sequential(parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4)),
    "spectral_norm": lambda: nn.Sequential(parametrizations.spectral_norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4)),
    "instance norm": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.InstanceNorm2d(4, track_running_stats=True)),
    "adaptive": lambda: nn.Sequential(nn.BatchNorm2d(3), nn.AdaptiveAvgPool2d((2, 4)), nn.Conv2d(3, 2, 1)),
    "circular": lambda: nn.Sequential(
        nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), nn.BatchNorm2d(4)
    ),
    "same": lambda: nn.Sequential(
        nn.BatchNorm2d(3), nn.Conv2d(3, 4, (3, 5), padding="same", dilation=(2, 1)), nn.BatchNorm2d(4)
    ),
    "transposed": lambda: nn.Sequential(
        nn.BatchNorm2d(3), nn.ConvTranspose2d(3, 4, 3, 2, 1, output_padding=1), nn.BatchNorm2d(4), nn.PReLU(4)
    ),
    "tokens": lambda: nn.Sequential(
        nn.Conv2d(3, 8, 4, 4), nn.Flatten(2), nn.BatchNorm1d(8), nn.Linear(4, 8), nn.BatchNorm1d(8)
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_both_doors_fold_alike_and_compute_the_same(name):
    torch.manual_seed(3)
    module, x = seeded(MODULES[name]()), normal(2, 3, 8, 8)
    in_torch = bnfold.fold(module, x)
    in_onnx = bnfold.fold(module, shapes={"": tuple(x.shape)}, verify=False)
    assert [report.affine.to_json() for report in (in_torch.report, in_onnx.report)] == [
        in_torch.report.affine.to_json()
    ] * 2
    assert sorted(d.reason.code for d in in_torch.plan.decisions if d.reason) == sorted(
        d.reason.code for d in in_onnx.plan.decisions if d.reason
    )
    wide = copy.deepcopy(module).double()
    with torch.no_grad():
        wanted = tensors(wide(x.double()))
    exact, _ = fold_module(module, (x,), exact=True)
    found = Reference(in_onnx.model).run({in_onnx.model.graph.inputs[0].name: x.double().numpy()})
    with torch.no_grad():
        own = tensors(exact(x.double()))
    for expected, a, b in zip(wanted, own, found.values(), strict=True):
        torch.testing.assert_close(a, expected, rtol=1e-10, atol=1e-10)
        stored = 8 * SETTINGS_ARE_FLOAT32 * float(expected.abs().max())
        torch.testing.assert_close(torch.from_numpy(b), expected, rtol=0, atol=stored)
