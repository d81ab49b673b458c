"""A module for a state dict, from the name of its architecture.

resnet50                       of bnfold.zoo
torchvision:densenet121        of torchvision
timm:convnext_tiny             of timm
package.module:callable        anything else that returns a module
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from bnfold import zoo
from bnfold.errors import MissingExtraError, SourceError, UsageError, first_line

ARGUMENTS = ("num_classes", "in_channels", "in_chans", "init_weights", "aux_logits")
"""What an architecture is ever told."""

SHOWN = 3
"""So many of the entries that do not fit are named."""


def build(name: str, state: Mapping[str, Tensor]) -> nn.Module:
    """The architecture with this state dict loaded, in eval mode.

    Classes and input channels are read from the last and the first weight, where the architecture takes them.

    Args:
        name: as in the module's docstring.
        state: a bare state dict.

    Raises:
        UsageError: there is no such architecture.
        SourceError: the state dict is of another one; the message lists what does not fit.
        MissingExtraError: the library is not installed.
    """
    module = construct(name, options_of(name, state))
    _check(name, module, state)
    module.load_state_dict({key: value.detach().clone() for key, value in state.items()}, strict=False, assign=True)
    return module.eval()


def construct(name: str, options: Mapping[str, Any]) -> nn.Module:
    """The architecture with random weights.

    Args:
        name: as in the module's docstring.
        options: that it takes, as `options_of` gives them.

    Raises:
        UsageError: there is no such architecture, or it cannot be built.
        MissingExtraError: the library is not installed.
    """
    factory = _factory(name)
    try:
        module = factory(**options)
    except Exception as error:
        raise UsageError(f"--arch {name} cannot be built: {first_line(error)}.") from None
    if not isinstance(module, nn.Module):
        raise UsageError(f"--arch {name} gives a {type(module).__name__}, not an nn.Module.")
    return module


def options_of(name: str, state: Mapping[str, Tensor]) -> dict[str, Any]:
    """What an architecture has to be told to take this state dict: numbers of classes and of input channels.

    The architecture as it is by default says which weight is its first and which its last, for a file need not keep
    their order.

    Raises:
        MissingExtraError: the library is not installed.
    """
    options = _fixed(name, state)
    usual = _usual(name, options)
    sizes, taken = _sizes(state, usual or state), _accepted(name)
    if usual is not None:
        own = _sizes(usual, usual)
        sizes = {key: size for key, size in sizes.items() if size != own.get(key)}
    return options | {key: size for key, size in sizes.items() if key in taken}


def _accepted(name: str) -> Collection[str]:
    library, colon, _ = name.partition(":")
    if not colon:
        return ("num_classes", "in_channels")
    if library == "timm":
        return ("num_classes", "in_chans")
    if library == "torchvision":
        return ("num_classes",)
    try:
        return inspect.signature(_factory(name)).parameters
    except ValueError:  # it is built in
        return ()


def _fixed(name: str, state: Mapping[str, Tensor]) -> dict[str, Any]:
    if name not in ("torchvision:googlenet", "torchvision:inception_v3"):
        return {}
    has_aux = any(key.startswith(("aux1.", "AuxLogits.")) for key in state)
    return {"init_weights": False, "aux_logits": has_aux}


def _usual(name: str, options: Mapping[str, Any]) -> Mapping[str, Tensor] | None:
    """The state dict of the architecture by default, without its numbers where it can be built so."""
    for device in ("meta", "cpu"):
        try:
            with torch.device(device):
                return construct(name, options).state_dict()
        except UsageError:
            continue
    return None  # it has no default


def _factory(name: str) -> Callable[..., Any]:
    library, colon, short = name.partition(":")
    if not colon:
        if name not in zoo.ARCHITECTURES:
            known = ", ".join(zoo.ARCHITECTURES)
            raise UsageError(
                f"--arch {name} is none of {known}, nor of the form torchvision:NAME, timm:NAME or "
                "package.module:callable."
            )
        return zoo.ARCHITECTURES[name]
    if library == "timm":
        timm = _library("timm")
        if not timm.is_model(short):
            raise UsageError(f"timm has no model {short}.")
        return partial(timm.create_model, short, pretrained=False)
    if library == "torchvision":
        models = _library("torchvision.models")
        try:
            return partial(models.get_model_builder(short), weights=None)
        except ValueError:
            raise UsageError(f"torchvision has no model {short}.") from None
    return _imported(name, library, short)


def _imported(name: str, home: str, attribute: str) -> Callable[..., Any]:
    try:
        with _modules_of_the_working_folder():
            found = importlib.import_module(home)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"--arch {name} cannot be imported: {error}.") from None
    if not callable(found):
        raise UsageError(f"--arch {name} is no callable that returns a module.")
    made: Callable[..., Any] = found
    return made


@contextmanager
def _modules_of_the_working_folder() -> Iterator[None]:
    """Files of one's own can be imported, behind every installed package of the same name."""
    here = os.getcwd()
    if here in sys.path:
        yield
        return
    sys.path.append(here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingExtraError(f"--arch {name.partition('.')[0]}:...", name.partition(".")[0]) from None


def _sizes(state: Mapping[str, Tensor], order: Mapping[str, Tensor]) -> dict[str, int]:
    """Classes that the last weight puts out, and channels that the first convolution takes."""
    weights = [state[key] for key, value in order.items() if key.endswith("weight") and value.ndim > 1 and key in state]
    if not weights:
        return {}
    sizes = {"num_classes": int(weights[-1].shape[0])}
    if weights[0].ndim == 4:
        sizes |= dict.fromkeys(("in_channels", "in_chans"), int(weights[0].shape[1]))
    return sizes


def _check(name: str, module: nn.Module, state: Mapping[str, Tensor]) -> None:
    if found := differences(module.state_dict(), state):
        raise SourceError(f"The state dict is not that of {name}; {found}.")


def differences(wanted: Mapping[str, Tensor], state: Mapping[str, Tensor], *, counters: bool = False) -> str:
    """What is missing, unexpected or of another shape in a state dict; empty if it fits.

    Args:
        wanted: the state dict of the module.
        state: the one in question.
        counters: whether the counters of batch normalizations must be there too.
    """
    needed = [key for key in wanted if counters or not key.endswith("num_batches_tracked")]
    differing = (
        ("missing", [key for key in needed if key not in state]),
        ("unexpected", [key for key in state if key not in wanted]),
        (
            "of another shape",
            [
                f"{key} {_shape(state[key])} instead of {_shape(value)}"
                for key, value in wanted.items()
                if key in state and state[key].shape != value.shape
            ],
        ),
    )
    return "; ".join(f"{what}: {_some(entries)}" for what, entries in differing if entries)


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _some(entries: list[str]) -> str:
    rest = len(entries) - SHOWN
    return ", ".join(entries[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
