"""One network in any size: convolutions of 9 MB each with a batch normalization behind every one."""

from __future__ import annotations

from pathlib import Path

import onnx

from benchmarks.rivals.growth.programs import LIMIT
from benchmarks.tool.models import large, single, size_of

CHANNELS = 512


def written(folder: Path, megabytes: int) -> tuple[Path, int]:
    """The file and how many bytes it has with its weights, which lie in a file of their own beyond the limit."""
    path = large(folder, megabytes / 1e3, CHANNELS) if megabytes * 1e6 > LIMIT else single(folder, megabytes)
    return path, size_of(path)


def pickled(path: Path, target: Path) -> None:
    """The same network as a module of torch, for torch.fx."""
    import torch
    from torch import nn

    layers: list[nn.Module] = []
    for _ in range(normalizations(path)):
        layers += [nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False), nn.BatchNorm2d(CHANNELS)]
    torch.save(nn.Sequential(*layers).eval(), target)


def normalizations(path: Path) -> int:
    """How many BatchNormalization nodes a file has."""
    return sum(node.op_type == "BatchNormalization" for node in onnx.load(path, load_external_data=False).graph.node)
