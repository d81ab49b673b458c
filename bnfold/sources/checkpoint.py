"""Reading PyTorch checkpoints without running code from them."""

from __future__ import annotations

import inspect
import re
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnfold.errors import MissingExtraError, SourceError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Checkpoint:
    """A module read from a file.

    Attributes:
        module: in eval mode.
        description: what the file was recognized as.
        input_shapes: shapes that the file states, or that are usual for what was recognized; empty if neither.
    """

    module: torch.nn.Module
    description: str
    input_shapes: Mapping[str, tuple[int, ...]]


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a pickled module or a state dict of the ResNet family.

    Only tensors, plain containers and the classes of torch.nn and bnfold.zoo are unpickled.

    Raises:
        SourceError: the file is damaged, wants other classes, or holds an architecture that is not recognized.
        MissingExtraError: PyTorch is not installed.
    """
    try:
        import torch
    except ImportError:
        raise MissingExtraError("Reading a PyTorch checkpoint", "torch") from None
    from bnfold import zoo

    content = _unpickle(path)
    if isinstance(content, torch.nn.Module):
        return Checkpoint(content.eval(), f"PyTorch module {type(content).__name__}", {})
    if not isinstance(content, Mapping):
        kind = type(content).__name__
        raise SourceError(f"{path} holds a {kind}, not a module or a state dict; save one of these.")
    state = zoo.unwrap_state_dict(content)
    if not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise SourceError(f"{path} holds no state dict; save the module or its `state_dict()`.")
    module = zoo.recognize(state).eval()
    stated = content.get("input_shape")
    shape = _usual_shape(module) if stated is None else tuple(int(extent) for extent in stated)
    parameters = sum(parameter.numel() for parameter in module.parameters())
    recognized = f"state dict of a {type(module).__name__} with {parameters:,} parameters"
    return Checkpoint(module, f"{recognized}, input {'x'.join(map(str, shape))}", {"": shape})


def _usual_shape(module: torch.nn.Module) -> tuple[int, ...]:
    """Images of 224 x 224 for the stem made for ImageNet, of 32 x 32 for the one made for CIFAR."""
    import torch

    first = next(part for part in module.modules() if isinstance(part, torch.nn.Conv2d))
    extent = 32 if first.stride == (1, 1) else 224
    return (1, first.in_channels, extent, extent)


def _unpickle(path: Path) -> Any:
    import torch

    try:
        with torch.serialization.safe_globals(_allowed()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        wanted = re.search(r"GLOBAL ([\w.]+)", str(error)) or re.search(r"Unsupported class ([\w.]+)", str(error))
        if wanted:
            raise SourceError(
                f"{path} wants to run {wanted[1]}, which bnfold does not unpickle; "
                "save the state dict or export the model to ONNX."
            ) from None
        raise SourceError(f"{path} is not a PyTorch checkpoint, or it is damaged.") from None


def _allowed() -> list[Any]:
    """Classes that may be unpickled: the layers of torch.nn and the models of bnfold.zoo."""
    import torch

    from bnfold import zoo

    namespaces = (torch.nn, *(module for _, module in inspect.getmembers(zoo, inspect.ismodule)))
    classes: dict[str, Any] = {"OrderedDict": OrderedDict, "set": set}
    for namespace in namespaces:
        for name, member in inspect.getmembers(namespace, inspect.isclass):
            if issubclass(member, torch.nn.Module):
                classes[f"{namespace.__name__}.{name}"] = member
    return list(classes.values())
