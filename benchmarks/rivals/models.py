"""The networks, as the files that people have: exports of torch, conversions, and networks that come trained.

timm's and torchvision's have random weights and positive random statistics: what can be folded does not depend on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from benchmarks.rivals.channels_last import channels_last
from benchmarks.zoo.models import build
from benchmarks.zoo.randomize import randomize
from bnfold.sources.module import write_module

SIDE = 224


@dataclass(frozen=True)
class Model:
    """One file.

    Attributes:
        name: in tables.
        write: makes the file.
        shape: of its input.
        module: what it was made of, for torch.fx; None if it comes as ONNX.
    """

    name: str
    write: Callable[[Path], None]
    shape: tuple[int, ...]
    module: Callable[[], nn.Module] | None = None


def _module(name: str) -> nn.Module:
    torch.manual_seed(0)
    module = build(name)
    randomize(module)
    return module


def _exported(label: str, name: str, side: int = SIDE) -> Model:
    """Written with the network's own structure, as bnfold and torch's exporter both do."""
    shape = (1, 3, side, side)
    return Model(label, lambda path: write_module(_module(name), path, {"input": shape}), shape, lambda: _module(name))


def _raw() -> Model:
    """Written by torch's exporter without its optimizer."""
    shape = (1, 3, SIDE, SIDE)

    def write(path: Path) -> None:
        example = (torch.zeros(shape),)
        torch.onnx.export(
            _module("torchvision:resnet50"), example, path, dynamo=True, optimize=False, external_data=False
        )

    return Model("resnet50, torch.onnx.export(optimize=False)", write, shape)


def _channels_last() -> Model:
    def write(path: Path) -> None:
        native = path.with_suffix(".nchw.onnx")
        write_module(_module("torchvision:resnet18"), native, {"input": (1, 3, SIDE, SIDE)})
        channels_last(native, path)

    return Model("resnet18, channels last", write, (1, SIDE, SIDE, 3))


def _shipped(label: str, file: str, shape: tuple[int, ...]) -> Model:
    """One of the trained networks of rapidocr-onnxruntime."""

    def write(path: Path) -> None:
        spec = find_spec("rapidocr_onnxruntime")
        if spec is None or spec.origin is None:
            raise FileNotFoundError("pip install --no-deps rapidocr-onnxruntime")
        path.write_bytes((Path(spec.origin).parent / "models" / file).read_bytes())

    return Model(label, write, shape)


MODELS = (
    _exported("resnet18", "torchvision:resnet18"),
    _exported("resnet50", "torchvision:resnet50"),
    _raw(),
    _exported("resnetv2_50 (pre-activation)", "timm:resnetv2_50"),
    _exported("mobilenetv2_100", "timm:mobilenetv2_100"),
    _exported("densenet121", "timm:densenet121"),
    _exported("repvgg_a0", "timm:repvgg_a0"),
    _exported("mobileone_s0", "timm:mobileone_s0"),
    _exported("fastvit_t8", "timm:fastvit_t8", 256),
    _channels_last(),
    _shipped("PP-OCRv4 detection", "ch_PP-OCRv4_det_infer.onnx", (1, 3, 320, 320)),
    _shipped("PP-OCRv4 recognition", "ch_PP-OCRv4_rec_infer.onnx", (1, 3, 48, 320)),
    _shipped("PP-OCR direction", "ch_ppocr_mobile_v2.0_cls_infer.onnx", (1, 3, 48, 192)),
)
