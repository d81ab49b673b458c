"""Build a network of timm or torchvision by name, and find an input it accepts."""

from __future__ import annotations

from typing import Any

import timm
import torch
import torchvision
from torch import nn
from torchvision.ops import FrozenBatchNorm2d

SIZES = (64, 96, 128, 160, 192, 224, 256, 288, 299, 384)
NORMALIZATIONS = ("BatchNorm", "FrozenBatchNorm", "SyncBatchNorm")
PARTS = {".detection.": "backbone", ".optical_flow.": "context_encoder"}


def build(name: str) -> nn.Module:
    """The network called `timm:NAME` or `torchvision:NAME`, in eval mode, with initial weights.

    `torchvision:NAME+frozen` has FrozenBatchNorm2d in the place of every batch normalization. Of detectors and of
    optical flow only the convolutional part is taken: the rest loops over boxes or pairs of images.
    """
    library, _, short = name.partition(":")
    if library == "timm":
        return timm.create_model(short, pretrained=False).eval()
    if library == "torchvision":
        short, _, frozen = short.partition("+")
        settings = {"norm_layer": FrozenBatchNorm2d} if frozen else _without_downloads(short)
        module = torchvision.models.get_model(short, weights=None, **settings).eval()
        part = next((part for kind, part in PARTS.items() if kind in _kind(short)), None)
        return module if part is None else module.get_submodule(part)
    raise ValueError(f"{name} is neither timm:NAME nor torchvision:NAME")


def _without_downloads(short: str) -> dict[str, Any]:
    kind = _kind(short)
    settings: dict[str, Any] = {}
    if ".segmentation." in kind or ".detection." in kind:
        settings["weights_backbone"] = None
    if short in ("googlenet", "inception_v3"):
        settings["init_weights"] = False
    return settings


def _kind(short: str) -> str:
    """The module of torchvision that a network comes from."""
    return str(torchvision.models.get_model_builder(short).__module__)


def count_normalizations(module: nn.Module) -> int:
    """How many batch normalizations a network has, whatever its library calls them."""
    return sum(type(part).__name__.startswith(NORMALIZATIONS) for part in module.modules())


def input_shape(name: str, module: nn.Module) -> tuple[int, ...]:
    """The smallest input that the network runs on, batch first.

    Raises:
        ValueError: it runs on none of those tried.
    """
    library, _, short = name.partition(":")
    video = library == "torchvision" and ".video." in _kind(short.partition("+")[0])
    frames = (16,) if video else ()
    channels = 3
    if library == "timm":
        channels = module.default_cfg.get("input_size", (3,))[0]  # type: ignore[index,operator,union-attr]
    for size in SIZES:
        shape = (2, channels, *frames, size, size)
        try:
            with torch.no_grad():
                module(torch.zeros(shape))
        except Exception:  # whatever the network says of this size, the next one may do
            continue
        return shape
    raise ValueError(f"{name} runs on none of the sizes {SIZES}")
