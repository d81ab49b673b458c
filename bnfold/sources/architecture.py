"""A module for a state dict, from the name of its architecture.

resnet50                       of bnfold.zoo
torchvision:densenet121        of torchvision
timm:convnext_tiny             of timm
package.module:callable        anything else that returns a module
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from bnfold import zoo
from bnfold.errors import MissingExtraError, SourceError, UsageError

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
    factory, options = _factory(name, state)
    try:
        module = factory(**options)
    except Exception as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UsageError(f"--arch {name} cannot be built: {first}") from None
    if not isinstance(module, nn.Module):
        raise UsageError(f"--arch {name} gives a {type(module).__name__}, not an nn.Module.")
    _check(name, module, state)
    module.load_state_dict({key: value.detach().clone() for key, value in state.items()}, strict=False, assign=True)
    return module.eval()


def _factory(name: str, state: Mapping[str, Tensor]) -> tuple[Callable[..., Any], dict[str, Any]]:
    library, colon, short = name.partition(":")
    sizes = _sizes(state)
    if not colon:
        if name not in zoo.ARCHITECTURES:
            known = ", ".join(zoo.ARCHITECTURES)
            raise UsageError(f"--arch {name} is none of {known}; other libraries' are called timm:NAME.")
        return zoo.ARCHITECTURES[name], _taken(sizes, "num_classes", "in_channels")
    if library == "timm":
        timm = _library("timm")
        if not timm.is_model(short):
            raise UsageError(f"timm has no model {short}.")
        return lambda **options: timm.create_model(short, pretrained=False, **options), _taken(
            sizes, "num_classes", "in_chans"
        )
    if library == "torchvision":
        models = _library("torchvision.models")
        try:
            builder = models.get_model_builder(short)
        except ValueError:
            raise UsageError(f"torchvision has no model {short}.") from None
        options = {"weights": None, **_taken(sizes, "num_classes")}
        has_aux = any(key.startswith(("aux1.", "AuxLogits.")) for key in state)
        if short in ("googlenet", "inception_v3"):
            options |= {"init_weights": False, "aux_logits": has_aux}
        return builder, options
    return _imported(name, library, short, sizes)


def _imported(
    name: str, home: str, attribute: str, sizes: Mapping[str, int]
) -> tuple[Callable[..., Any], dict[str, Any]]:
    try:
        found = importlib.import_module(home)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"--arch {name} cannot be imported: {error}.") from None
    if not callable(found):
        raise UsageError(f"--arch {name} is no callable that returns a module.")
    try:
        parameters = set(inspect.signature(found).parameters)
    except ValueError:  # it is built in
        parameters = set()
    return found, {key: size for key, size in sizes.items() if key in parameters}


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingExtraError(f"--arch {name.partition('.')[0]}:...", name.partition(".")[0]) from None


def _sizes(state: Mapping[str, Tensor]) -> dict[str, int]:
    """Classes that the last weight puts out, and channels that the first convolution takes."""
    weights = [value for key, value in state.items() if key.endswith("weight") and value.ndim > 1]
    if not weights:
        return {}
    sizes = {"num_classes": int(weights[-1].shape[0])}
    if weights[0].ndim == 4:
        sizes |= dict.fromkeys(("in_channels", "in_chans"), int(weights[0].shape[1]))
    return sizes


def _taken(sizes: Mapping[str, int], *names: str) -> dict[str, Any]:
    return {name: sizes[name] for name in names if name in sizes}


def _check(name: str, module: nn.Module, state: Mapping[str, Tensor]) -> None:
    wanted = module.state_dict()
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}
    differences = (
        ("missing", [key for key in wanted if key not in state and key not in counters]),
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
    found = [f"{what}: {_some(entries)}" for what, entries in differences if entries]
    if found:
        raise SourceError(f"The state dict is not that of {name}; {'; '.join(found)}.")


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _some(entries: list[str]) -> str:
    rest = len(entries) - SHOWN
    return ", ".join(entries[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
