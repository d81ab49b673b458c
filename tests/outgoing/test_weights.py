"""Folded weights as .safetensors: rebuilt into the folded module, refused where that cannot be."""

import json
from collections import OrderedDict

import pytest
import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import nn

import bnfold
from bnfold import zoo
from bnfold.errors import NotEquivalentError, SourceError, UsageError
from bnfold.outgoing import weights
from tests.fx.nets import normal, seeded
from tests.sources.forms import FORMS, SHAPE, net


class Plain(nn.Module):
    """Not of the ResNet family."""

    def __init__(self, num_classes=10):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)
        self.head = nn.Linear(4, num_classes)

    def forward(self, x):
        return self.head(self.bn(self.conv(x)).relu().mean((2, 3)))


class Twins(nn.Module):
    """Two convolutions that merge."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 1)

    def forward(self, x):
        return self.a(x) + self.b(x)


class NormAndTanh(nn.BatchNorm2d):
    """A normalization that keeps its activation inside, as timm's do."""

    def __init__(self, channels):
        super().__init__(channels)
        self.act = nn.Tanh()

    def forward(self, x):
        return self.act(
            F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        )


def with_tanh_inside():
    return nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), NormAndTanh(4), nn.Conv2d(4, 2, 1))


def kept_between():
    """A normalization that goes, and one between two functions through which no unit passes."""
    first = nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 4, 3, bias=False), norm=nn.BatchNorm2d(4)))
    return nn.Sequential(first, nn.Tanh(), nn.BatchNorm2d(4), nn.Sigmoid())


class Late(zoo.ResNet):
    """The names of the family and another function."""

    def forward(self, x):
        return super().forward(x) * 1.001


HERE = f"{__name__}:Plain"


def configuration(path):
    with safetensors.safe_open(path, framework="pt") as archive:
        return json.loads(archive.metadata()["bnfold"])


def rewritten(path, target, change):
    """A copy of the file with another configuration."""
    entries = configuration(path)
    change(entries)
    safetensors.torch.save_file(safetensors.torch.load_file(path), target, metadata={"bnfold": json.dumps(entries)})


@pytest.fixture
def folded(tmp_path):
    bnfold.fold(net(), torch.rand(SHAPE), output=tmp_path / "folded.safetensors")
    return tmp_path / "folded.safetensors"


@pytest.mark.parametrize(
    "form", ["module in training mode", "state dict", "safetensors", "program", "traced", "scripted"]
)
def test_written_and_loaded(form, tmp_path):
    name, write = FORMS[form]
    write(tmp_path / name)
    target = tmp_path / "folded.safetensors"
    report = bnfold.fold(tmp_path / name, output=target, force=True).report
    assert report.verification.verdict == "equivalent"
    assert report.affine.to_json() == {"before": 6, "removed": 6, "after": 0}
    module = bnfold.load(target)
    assert type(module) is zoo.ResNet
    assert not module.training
    assert not any(isinstance(part, nn.BatchNorm2d) for part in module.modules())
    images = torch.rand(5, *SHAPE[1:])
    torch.testing.assert_close(module(images), net()(images))


def test_it_says_what_was_done(folded):
    entries = configuration(folded)
    norms = {path for path, part in net().named_modules() if isinstance(part, nn.BatchNorm2d)}
    assert set(entries["removed"]) == norms
    assert set(entries["biases"]) == {path for path, part in net().named_modules() if isinstance(part, nn.Conv2d)}
    assert entries["architecture"]["settings"]["layers"] == [1, 1]
    assert set(safetensors.torch.load_file(folded)) == set(bnfold.load(folded).state_dict())


def test_it_is_a_source_like_any_other(folded, tmp_path):
    torch.save(net(), tmp_path / "net.pt")
    assert bnfold.verify(tmp_path / "net.pt", folded).verdict == "equivalent"
    report = bnfold.fold(folded, output=tmp_path / "again.onnx").report
    assert report.affine.to_json()["before"] == 0
    assert report.description.startswith("folded weights of ResNet, input 3x32x32")
    bnfold.fold(folded, output=tmp_path / "again.pt2")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_stored_type_is_kept(dtype, tmp_path):
    bnfold.fold(net().to(dtype), torch.rand(SHAPE, dtype=dtype), output=tmp_path / "folded.safetensors")
    assert {p.dtype for p in bnfold.load(tmp_path / "folded.safetensors").parameters()} == {dtype}


def test_a_norm_that_stays_is_kept(tmp_path):
    target, kept = tmp_path / "folded.safetensors", f"{__name__}:kept_between"
    bnfold.fold(seeded(kept_between()), normal(2, 3, 8, 8), output=target, arch=kept)
    entries, module, images = configuration(target), bnfold.load(target, arch=kept), normal(3, 3, 8, 8)
    assert entries["removed"] == ["0.norm"]
    assert isinstance(module[2], nn.BatchNorm2d)
    torch.testing.assert_close(module(images), seeded(kept_between())(images))


def test_the_activation_inside_a_norm_stays(tmp_path):
    target, inside = tmp_path / "folded.safetensors", f"{__name__}:with_tanh_inside"
    bnfold.fold(seeded(with_tanh_inside()), normal(2, 3, 8, 8), output=target, arch=inside)
    images = normal(3, 3, 8, 8)
    torch.testing.assert_close(bnfold.load(target, arch=inside)(images), seeded(with_tanh_inside())(images))


def test_another_epsilon_is_read_from_the_module(tmp_path):
    module = seeded(zoo.resnet20(in_channels=1, eps=1e-2))
    bnfold.fold(module, torch.rand(1, 1, 8, 8), output=tmp_path / "folded.safetensors")
    images = torch.rand(3, 1, 8, 8)
    torch.testing.assert_close(bnfold.load(tmp_path / "folded.safetensors")(images), module(images))


@pytest.mark.parametrize("block", [zoo.PreActBasicBlock, zoo.PreActBottleneck])
def test_an_activation_that_writes_into_its_input_spares_the_shortcut(block, tmp_path):
    module = seeded(zoo.PreActResNet(block, (2, 2), num_classes=3, stem="cifar", stem_width=4, widths=(4, 8)))
    target = tmp_path / "folded.safetensors"
    bnfold.fold(module, torch.rand(1, 3, 32, 32), output=target)
    again, images = bnfold.load(target), torch.rand(2, 3, 32, 32, dtype=torch.float64)
    wanted, found = module.double()(images), again.double()(images)
    assert (found - wanted).abs().max() <= 1e-5 * wanted.abs().max()


def test_an_architecture_by_name(tmp_path):
    torch.save(seeded(Plain(num_classes=3)).state_dict(), tmp_path / "net.pt")
    target = tmp_path / "folded.safetensors"
    bnfold.fold(tmp_path / "net.pt", output=target, arch=HERE, shapes={"": (1, 3, 8, 8)})
    assert configuration(target)["architecture"] == {"name": HERE, "options": {"num_classes": 3}}
    with pytest.raises(SourceError, match=f"wants to call {HERE}; say `--arch"):
        bnfold.load(target)
    images = normal(2, 3, 8, 8)
    for module in (bnfold.load(target, arch=HERE), bnfold.load(target, trust=True)):
        torch.testing.assert_close(module(images), seeded(Plain(num_classes=3))(images))


def test_an_architecture_that_nothing_names_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"name it with --arch, or write it as \.pt2 or \.onnx"):
        bnfold.fold(seeded(Plain()), normal(2, 3, 8, 8), output=tmp_path / "folded.safetensors")
    assert not list(tmp_path.iterdir())


def test_another_function_with_the_same_names_is_refused(tmp_path):
    module = seeded(Late(zoo.BasicBlock, (1,), num_classes=3, stem="cifar", stem_width=4, widths=(4,)))
    with pytest.raises(UsageError, match="computes something else"):
        bnfold.fold(module, torch.rand(SHAPE), output=tmp_path / "folded.safetensors")


def test_merged_layers_are_refused_with_the_option_that_helps(tmp_path):
    target, twins = tmp_path / "folded.safetensors", f"{__name__}:Twins"
    with pytest.raises(UsageError, match="--no-merge keeps the layers"):
        bnfold.fold(seeded(Twins()), normal(2, 3, 8, 8), output=target, arch=twins)
    bnfold.fold(seeded(Twins()), normal(2, 3, 8, 8), output=target, arch=twins, merge=False)
    images = normal(3, 3, 8, 8)
    torch.testing.assert_close(bnfold.load(target, arch=twins)(images), seeded(Twins())(images))


def test_an_onnx_model_has_no_such_form(tmp_path):
    (tmp_path / "net.onnx").touch()
    with pytest.raises(UsageError, match=r"PyTorch models only; write this one as \.onnx"):
        bnfold.fold(tmp_path / "net.onnx", output=tmp_path / "folded.safetensors")


def test_a_file_that_reads_back_otherwise_is_not_written(tmp_path, monkeypatch):
    def damaged(path, **options):
        module = bnfold.load(path, **options)
        nn.init.zeros_(module.fc.weight)
        return module

    monkeypatch.setattr(weights, "load", damaged)
    (tmp_path / "folded.safetensors").write_bytes(b"precious")
    with pytest.raises(NotEquivalentError, match="do not compute"):
        bnfold.fold(net(), torch.rand(SHAPE), output=tmp_path / "folded.safetensors", force=True)
    assert (tmp_path / "folded.safetensors").read_bytes() == b"precious"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda entries: entries.update(version=99), "another version"),
        (lambda entries: entries.pop("removed"), "is damaged"),
        (lambda entries: entries.update(more=1), "another version"),
        (lambda entries: entries.update(removed=["conv1"]), "is damaged"),
        (lambda entries: entries.update(removed=[]), "missing: bn1"),
        (lambda entries: entries.update(biases=["nowhere"]), "is damaged"),
        (lambda entries: entries["architecture"]["settings"].update(layers=[10**9]), "is damaged"),
        (lambda entries: entries["architecture"]["settings"].update(net="Sequential"), "is damaged"),
        (lambda entries: entries.update(architecture={}), "is damaged"),
        (lambda entries: entries.update(architecture={"name": "os:getcwd", "options": {}}), "wants to call os:getcwd"),
        (lambda entries: entries.update(architecture={"name": "resnet20", "options": {"block": 1}}), "is damaged"),
        (lambda entries: entries.update(architecture={"name": "resnet7", "options": {}}), "none of resnet18"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(change, says, folded, tmp_path):
    rewritten(folded, tmp_path / "other.safetensors", change)
    with pytest.raises(SourceError, match=says):
        bnfold.load(tmp_path / "other.safetensors")
    with pytest.raises(SourceError, match=says):
        bnfold.inspect(tmp_path / "other.safetensors")


def test_plain_weights_are_not_folded_ones(tmp_path):
    safetensors.torch.save_file(net().state_dict(), tmp_path / "net.safetensors")
    with pytest.raises(SourceError, match="no folded weights"):
        bnfold.load(tmp_path / "net.safetensors")
