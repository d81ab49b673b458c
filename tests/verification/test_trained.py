"""The float64 interpreter on the trained networks in `models/`, against torch in float64."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bnfold import sources
from bnfold.sources import Reading
from bnfold.sources.onnx import load
from bnfold.verification import Reference, make_batches, specs_of
from bnfold.zoo import recognize
from bnfold.zoo.preact import PreActResNet
from bnfold.zoo.resnet import ResNet

MODELS = Path(__file__).parents[2] / "models"
# What two orders of summation in float64 may differ by, relative to the largest output.
BOUND = 1e-12


def in_float64(path: Path) -> ResNet | PreActResNet:
    """The module itself; ONNX stores epsilon in float32, so it has that value here too."""
    module = recognize(torch.load(path, weights_only=True)).double().eval()
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.eps = float(np.float32(part.eps))
    return module


@pytest.mark.parametrize("name", ["resnet20_digits", "resnet20v2_digits"])
def test_a_trained_network_matches_torch_in_float64(name: str) -> None:
    path = MODELS / f"{name}.pt"
    module = in_float64(path)
    with sources.opened(path, {}, Reading(None, False)) as source:
        model = load(source.path)
        reference = Reference(model)
        feeds = [batch.feeds["input"] for batch in make_batches(specs_of(model), shapes=[source.shapes])]
        with np.load(MODELS / "digits_test.npz") as samples:
            feeds.append(samples["input"][:64])
        for images in feeds:
            (found,) = reference.run({"input": images}).values()
            with torch.no_grad():
                truth = module(torch.from_numpy(images).double()).numpy()
            assert np.abs(found - truth).max() < BOUND * np.abs(truth).max()
