"""One trained-looking net of bnfold.zoo in every form in which people save them."""

import warnings
from collections.abc import Callable
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

from bnfold import zoo
from tests.fx.nets import seeded

SHAPE = (1, 3, 32, 32)


def net() -> nn.Module:
    """A small ResNet with a CIFAR stem, the second stage strided."""
    made = zoo.ResNet(zoo.BasicBlock, (1, 1), num_classes=4, stem="cifar", stem_width=8, widths=(8, 16))
    return seeded(made, 5)


def state(prefix: str = "") -> dict[str, torch.Tensor]:
    return {prefix + name: value for name, value in net().state_dict().items()}


def _script(path: Path, module: torch.jit.ScriptModule) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(module, path)


def _scripted(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(net())
    _script(path, scripted)


def _traced(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(net(), torch.zeros(SHAPE))
    _script(path, traced)


def program(module: nn.Module, path: Path, *, dynamic: bool = True) -> None:
    shapes = ({0: torch.export.Dim("batch")},) if dynamic else None
    torch.export.save(torch.export.export(module, (torch.zeros(2, *SHAPE[1:]),), dynamic_shapes=shapes), path)


FORMS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "module": ("net.pt", lambda path: torch.save(net(), path)),
    "module in training mode": ("net.pth", lambda path: torch.save(net().train(), path)),
    "module in a checkpoint": ("net.ckpt", lambda path: torch.save({"epoch": 3, "model": net()}, path)),
    "DataParallel": ("net.pt", lambda path: torch.save(nn.DataParallel(net()), path)),
    "state dict": ("net.pth", lambda path: torch.save(state(), path)),
    "state_dict": ("net.bin", lambda path: torch.save({"state_dict": state(), "epoch": 1}, path)),
    "model": ("net.tar", lambda path: torch.save({"model": state()}, path)),
    "model_state_dict": ("net.pt", lambda path: torch.save({"model_state_dict": state(), "loss": 0.1}, path)),
    "ema": ("net.pt", lambda path: torch.save({"ema": state()}, path)),
    "module.": ("net.pt", lambda path: torch.save({"state_dict": state("module.")}, path)),
    "_orig_mod.module.model.": ("net.pt", lambda path: torch.save(state("_orig_mod.module.model."), path)),
    "older state dict": ("net.pth", lambda path: torch.save(state(), path, _use_new_zipfile_serialization=False)),
    "safetensors": ("net.safetensors", lambda path: safetensors.torch.save_file(state("module."), path)),
    "scripted": ("net.pt", _scripted),
    "traced": ("net.pt", _traced),
    "program": ("net.pt2", lambda path: program(net(), path)),
    "program called .pt": ("net.pt", lambda path: program(net(), path)),
    "program with a fixed batch": ("net.pt2", lambda path: program(net(), path, dynamic=False)),
}
"""File name and what writes it, by what is special about it."""
