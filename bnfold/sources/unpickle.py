"""Reading torch.save files without running code from them.

torch.load(weights_only=True) interprets a pickle with a handful of harmless operations, and calls only what is on its
list. bnfold adds the layer classes that the file names, if they come from torch.nn, torchvision, timm or bnfold.zoo.
For each it hands out a shell: a subclass that can be made empty and be given attributes, as unpickling does, but whose
constructor refuses to run. So no function of any of these libraries is called with arguments from the file. When the
file is read, the shells become objects of the real classes.
"""

from __future__ import annotations

import argparse
import importlib
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bnfold.errors import SourceError, first_line

LIBRARIES = re.compile(
    r"(torch\.nn\.(modules|parallel|utils)|torchvision\.(models|ops)|timm\.(models|layers)|bnfold\.zoo)\b"
)
"""Where layer classes may come from."""

GENERATED = (torch.fx.GraphModule, torch.jit.ScriptModule)
"""Modules that carry their code with them."""

ACTIVATIONS = frozenset(
    (
        *("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus"),
        *("sigmoid", "tanh", "hardtanh", "hardswish", "hardsigmoid"),
    )
)
"""Functions of torch.nn.functional that layers keep as attributes; they compute a tensor from a tensor."""

RECORDS: dict[str, type] = {"argparse.Namespace": argparse.Namespace, "builtins.set": set}
"""What training scripts store beside their weights."""

_ADVICE = "save its state dict or export it to ONNX, or use --trust if you know where the file comes from"


def unpickle(path: Path, *, trust: bool = False) -> Any:
    """What a torch.save file holds.

    Args:
        path: of the file, in torch's zip format or the older one.
        trust: run whatever code the file asks for.

    Raises:
        SourceError: the file is damaged, or wants something that is not on the list; the message names it.
    """
    if trust:
        return _trusted(path)
    names: list[str] = []
    while True:
        shells = _Shells()
        try:
            with torch.serialization.safe_globals([*_numbers(), *map(shells.allowed, names)]), _silent():
                content = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            said = re.search(r"GLOBAL ([\w.]+)", str(error)) or re.search(r"Unsupported class ([\w.]+)", str(error))
            if "persistent_load" in str(error):
                raise SourceError(f"{path} holds a module in the format of torch 1.5 or older; {_ADVICE}.") from None
            if said is None:
                raise SourceError(f"{path} is not a PyTorch checkpoint, or it is damaged.") from None
            name = said[1]
            if name in names or _resolved(name) is None:
                raise SourceError(
                    f"{path} wants to use {name}, which bnfold does not let a file do; {_ADVICE}."
                ) from None
            names.append(name)
            continue
        shells.fill()
        return content


def _trusted(path: Path) -> Any:
    try:
        with _silent():
            return torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:
        raise SourceError(f"{path} cannot be unpickled: {first_line(error)}.") from None


def _resolved(name: str) -> Any:
    """The object of this name if it may be handed out, None otherwise."""
    if name in RECORDS:
        return RECORDS[name]
    home, _, attribute = name.rpartition(".")
    if home == "torch.nn.functional" and attribute in ACTIVATIONS:
        return getattr(nn.functional, attribute)
    if not LIBRARIES.match(home):
        return None
    try:
        found = getattr(importlib.import_module(home), attribute, None)
    except ImportError:
        return None
    layer = isinstance(found, type) and issubclass(found, nn.Module) and not issubclass(found, GENERATED)
    return found if layer and found is not None and found.__module__ == home else None


class _Shells:
    """Stand-ins for classes, and the objects that were made of them."""

    def __init__(self) -> None:
        self._classes: dict[type, type] = {}
        self._made: list[Any] = []

    def allowed(self, name: str) -> tuple[Any, str]:
        """What torch.load is to give a file that asks for `name`."""
        found = _resolved(name)
        return (self._shell(found) if isinstance(found, type) and found is not set else found), name

    def _shell(self, cls: type) -> type:
        def make(shell: type) -> Any:
            made: Any = object.__new__(shell)
            self._made.append(made)
            return made

        def refuse(*_: Any, **__: Any) -> None:
            raise ValueError(f"{cls.__name__} is not to be called")

        shell = type(cls.__name__, (cls,), {"__new__": make, "__init__": refuse, "__module__": cls.__module__})
        self._classes[shell] = cls
        return shell

    def fill(self) -> None:
        """Turn every shell, and every attribute that is one, into the real thing."""
        for made in self._made:
            made.__class__ = self._classes[type(made)]
            attributes = vars(made)
            for name, value in list(attributes.items()):
                if isinstance(value, type) and value in self._classes:
                    attributes[name] = self._classes[value]


def _numbers() -> list[Any]:
    """Scalars of numpy, which training scripts store as their best score."""
    kinds = [type(np.dtype(kind)) for kind in ("float64", "float32", "int64", "int32", "bool")]
    scalar: Any = np.float64(0).__reduce__()[0]
    return [scalar, (scalar, "numpy.core.multiarray.scalar"), np.dtype, *kinds]


@contextmanager
def _silent() -> Iterator[None]:
    """Without torch's warnings of old file formats."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
