"""The networks, each as three files: the plain export, bnfold's fold of it, and the export after timm's own merging."""

from __future__ import annotations

import copy
import importlib
import inspect
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from timm.utils import reparameterize_model

from benchmarks.zoo.models import input_shape
from benchmarks.zoo.randomize import randomize
from bnfold.pipeline import fold
from bnfold.sources.module import write_module

MODELS = (
    "repvgg_a0",
    "mobileone_s0",
    "fastvit_t8",
    "repghostnet_050",
    "repvit_m0_9",
    "efficientvit_m0",
    "levit_128s",
    "ghostnetv3_050",
    "iformer_t",
    "efficientvim_m1",
    "lcnetv2_small",
    "shvit_s1",
    "tiny_vit_5m_224",
    "nextvit_small",
)
"""Of every module of timm that implements `fuse` or `reparameterize` at least one network; see `families`."""

MEASURED = ("repvgg_a0", "mobileone_s0", "fastvit_t8")
"""Those whose latency is measured unless others are named."""


def families() -> dict[str, list[str]]:
    """Every module of timm with a class that implements `fuse` or `reparameterize`, and its networks among MODELS."""
    found = {}
    for name in timm.list_modules():
        module = importlib.import_module(f"timm.models.{name}")
        kinds = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if kind.__module__ == module.__name__]
        if any({"fuse", "reparameterize"} & vars(kind).keys() for kind in kinds):
            found[name] = sorted(set(MODELS) & set(timm.list_models(module=name)))
    return found


@dataclass(frozen=True)
class Files:
    """Three files of one network, for inputs of this shape."""

    shape: tuple[int, ...]
    original: Path
    folded: Path
    timm: Path


def files(name: str, folder: Path, size: int | None) -> Files:
    """The files of a network; those that are there already are not exported again.

    Args:
        name: as timm calls it.
        folder: where the files are kept.
        size: extent of the square input; None takes what the network was made for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    module = timm.create_model(name, pretrained=False).eval()
    randomize(module)
    channels, height, width = module.default_cfg["input_size"]
    shape = (1, channels, height, width)
    if size is not None:
        shape = (1, *input_shape(f"timm:{name}", module)[1:]) if size == 0 else (1, channels, size, size)
    stem = f"{name}-{shape[-1]}"
    found = Files(shape, *(folder / f"{stem}.{kind}.onnx" for kind in ("original", "bnfold", "timm")))
    if not found.original.exists():
        write_module(copy.deepcopy(module), found.original, {"input": shape})
    if not found.timm.exists():
        write_module(reparameterize_model(module), found.timm, {"input": shape})
    fold(found.original, output=found.folded, force=True, verify=False)
    return found
