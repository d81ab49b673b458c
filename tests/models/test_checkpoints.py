"""The checkpoints in `models/` are what their cards say, and all their BNs can be folded."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bnfold.zoo import ARCHITECTURES, PreActResNet, ResNet, recognize

MODELS = Path(__file__).parents[2] / "models"
NAMES = ["resnet20_digits", "resnet20v2_digits"]


@pytest.fixture(params=NAMES)
def path(request: pytest.FixtureRequest) -> Path:
    return MODELS / f"{request.param}.pt"


def load(path: Path) -> ResNet | PreActResNet:
    return recognize(torch.load(path, weights_only=True))


def held_out() -> tuple[torch.Tensor, torch.Tensor]:
    with np.load(MODELS / "digits_test.npz") as data:
        return torch.from_numpy(data["input"]), torch.from_numpy(data["labels"])


def test_file_is_small(path: Path) -> None:
    assert path.stat().st_size < 2_000_000


def test_file_says_what_it_holds(path: Path) -> None:
    checkpoint = torch.load(path, weights_only=True)
    assert checkpoint["input_shape"] == [1, 1, 8, 8]
    model = ARCHITECTURES[checkpoint["arch"]](num_classes=10, in_channels=1)
    model.load_state_dict(checkpoint["state_dict"])
    x = torch.rand(checkpoint["input_shape"])
    assert torch.equal(model.eval()(x), load(path)(x))


def test_accuracy_is_high_and_the_one_in_the_card(path: Path) -> None:
    images, labels = held_out()
    with torch.no_grad():
        correct = int((load(path)(images).argmax(1) == labels).sum())
    assert correct / len(labels) > 0.97
    assert f"**{correct / len(labels):.2%}** ({correct} of {len(labels)})" in path.with_suffix(".md").read_text()


def test_every_norm_can_be_folded(path: Path) -> None:
    norms = [module for module in load(path).modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) >= 19
    for norm in norms:
        assert norm.weight.min() > 0.05
        assert (norm.bias / norm.weight).abs().max() < 8
        assert norm.running_var is not None
        assert norm.running_var.min() > 1e-3


def test_held_out_images_are_normalized_and_balanced() -> None:
    images, labels = held_out()
    assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert images.shape == (360, 1, 8, 8)
    assert (images.min(), images.max()) == (0, 1)
    assert labels.bincount(minlength=10).min() >= 34


def test_held_out_images_are_those_the_training_script_leaves_out() -> None:
    train, test = runpy.run_path(str(MODELS / "digits.py"))["load"]()
    images, labels = held_out()
    assert torch.equal(test.images, images)
    assert torch.equal(test.labels, labels)
    assert len(train.images) + len(images) == 1797
