"""A state dict and the name of its architecture: sizes are read from it, and what does not fit is said."""

import sys

import pytest
import torch
from torch import nn

from bnfold import zoo
from bnfold.errors import MissingExtraError, SourceError, UsageError
from bnfold.sources.architecture import build


class Plain(nn.Module):
    def __init__(self, num_classes=10, width=4):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, width, 3), nn.BatchNorm2d(width)
        self.head = nn.Linear(width, num_classes)

    def forward(self, x):
        return self.head(self.bn(self.conv(x)).mean((2, 3)))


HERE = f"{__name__}:Plain"


class Luckless(Plain):
    def __init__(self):
        raise ValueError("no luck.\nand more of it")


def test_of_the_zoo_with_its_own_classes_and_channels():
    state = zoo.resnet20(num_classes=7, in_channels=4).state_dict()
    module = build("resnet20", state)
    assert not module.training
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())


def test_of_any_importable_callable():
    module = build(HERE, Plain(num_classes=3).state_dict())
    assert module.head.out_features == 3


def test_counters_may_be_missing():
    state = {key: value for key, value in Plain().state_dict().items() if "num_batches" not in key}
    assert torch.equal(build(HERE, state).conv.weight, state["conv.weight"])


def test_what_does_not_fit_is_listed():
    state = Plain(width=5).state_dict() | {"extra.weight": torch.ones(10, 1)}
    del state["bn.bias"]
    with pytest.raises(SourceError) as refusal:
        build(HERE, state)
    sentence = str(refusal.value)
    assert "missing: bn.bias" in sentence
    assert "unexpected: extra.weight" in sentence
    assert "of another shape: conv.weight 5x3x3x3 instead of 4x3x3x3, conv.bias 5 instead of 4" in sentence
    assert "and 3 more" in sentence


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("resnet7", "none of resnet18"),
        ("resnet7", "nor of the form torchvision:NAME, timm:NAME or package.module:callable."),
        ("nowhere.at.all:Net", "cannot be imported"),
        (f"{__name__}:Missing", "cannot be imported"),
        (f"{__name__}:HERE", "no callable"),
        ("builtins:dict", "gives a dict"),
        (f"{__name__}:Luckless", r"Luckless cannot be built: no luck\.$"),
    ],
)
def test_names_that_are_none(name, says):
    with pytest.raises(UsageError, match=says):
        build(name, Plain().state_dict())


@pytest.mark.parametrize("there_already", [False, True])
def test_a_file_of_the_working_folder(there_already, tmp_path, monkeypatch):
    folder, name = str(tmp_path), f"in_the_working_folder_{there_already}"
    tmp_path.joinpath(f"{name}.py").write_text(f"from {__name__} import Plain as Net")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path, folder] if there_already else list(sys.path))
    before = list(sys.path)
    assert build(f"{name}:Net", Plain(num_classes=3).state_dict()).head.out_features == 3
    assert sys.path == before


def test_of_a_module_without_weights():
    assert not build("torch.nn:ReLU", {}).training


@pytest.mark.parametrize("name", ["timm:resnet18", "torchvision:resnet18"])
def test_a_library_that_is_not_installed(name):
    with pytest.raises(MissingExtraError, match="pip install"):
        build(name, Plain().state_dict())
