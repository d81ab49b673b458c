"""Folded weights as .safetensors: an architecture, what the fold took out of it and added, and a state dict.

The file's metadata holds, under `bnfold`, the configuration as JSON:

version        1
architecture   `{"name": "timm:resnet18", "options": {"num_classes": 10}}`, as `bnfold.sources.architecture` reads it,
               or `{"settings": {...}}` of the ResNet family, as `bnfold.zoo.recognize` reads it
removed        paths of the batch normalizations that are gone
biases         paths of the layers that got a bias
input_shapes   of every input by name, batch first
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bnfold.errors import BnfoldError, SourceError, UsageError
from bnfold.sources.architecture import ARGUMENTS, construct, differences
from bnfold.zoo.recognize import from_settings

METADATA = "bnfold"
VERSION = 1
LIBRARIES = ("timm", "torchvision")
"""What a file may have a model built by; any other callable is named by the user."""


@dataclass(frozen=True)
class Configuration:
    """How folded weights become a module again; the fields are as in the module's docstring."""

    architecture: Mapping[str, Any]
    removed: tuple[str, ...]
    biases: tuple[str, ...]
    input_shapes: Mapping[str, tuple[int, ...]]

    @property
    def name(self) -> str:
        """What the architecture is called."""
        return str(self.architecture.get("name") or self.architecture["settings"]["net"])

    def to_json(self) -> str:
        """The text of the metadata entry."""
        return json.dumps({"version": VERSION, **asdict(self)})


def load(path: str | Path, *, arch: str | None = None, trust: bool = False) -> nn.Module:
    """The folded module of a .safetensors file that `fold` wrote, in eval mode.

    Args:
        path: of the file.
        arch: the `package.module:callable` that the file names; it is only called when it is named here.
        trust: call whatever the file names.

    Returns:
        The module, with its weights in the types in which they are stored.

    Raises:
        SourceError: the file is missing, damaged or not of this kind, or names a callable that is not allowed.
        MissingExtraError: a library that builds the architecture is not installed.

    Examples:
        >>> import torch
        >>> from bnfold.zoo import resnet20
        >>> network = resnet20(num_classes=10, in_channels=1)
        >>> shapes = {"x": (1, 1, 8, 8)}
        >>> _ = bnfold.fold(network, shapes=shapes, output="folded.safetensors", force=True)
        >>> bnfold.load("folded.safetensors")(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2, 10])
    """
    from bnfold.sources.checkpoint import read_safetensors

    state, metadata = read_safetensors(Path(path))
    if METADATA not in metadata:
        raise SourceError(f"{path} holds no folded weights; `fold -o NAME.safetensors` writes them.")
    return rebuild(read_configuration(metadata[METADATA], path), state, path, arch=arch, trust=trust)


def read_configuration(text: str, path: str | Path) -> Configuration:
    """The configuration in a metadata entry.

    Raises:
        SourceError: it is not one.
    """
    try:
        entries = json.loads(text)
        version = entries.pop("version")
        if version == VERSION:
            shapes = {str(name): tuple(map(int, shape)) for name, shape in entries.pop("input_shapes").items()}
            removed, biases = (tuple(map(str, entries.pop(key))) for key in ("removed", "biases"))
            configuration = Configuration(dict(entries.pop("architecture")), removed, biases, shapes)
            if configuration.name and not entries:
                return configuration
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(path) from None
    raise SourceError(f"{path} is of another version of bnfold; this one reads version {VERSION}.")


def rebuild(
    configuration: Configuration, state: Mapping[str, Tensor], path: str | Path, *, arch: str | None, trust: bool
) -> nn.Module:
    """The module of a configuration with these weights, in eval mode.

    Raises:
        SourceError: they do not fit each other, or the architecture is not to be called.
    """
    name = str(configuration.architecture.get("name", ""))
    if ":" in name and name.partition(":")[0] not in LIBRARIES and not trust and name != arch:
        raise SourceError(f"{path} wants to call {name}; say `--arch {name}` if it may.")
    module = built(configuration.architecture, len(state), path)
    try:
        for removed in configuration.removed:
            _take_out(module, removed)
        _keep_inputs(module)
        for biased in configuration.biases:
            layer = module.get_submodule(biased)
            layer.register_parameter("bias", nn.Parameter(torch.empty_like(state[f"{biased}.bias"])))
    except (AttributeError, KeyError, TypeError):
        raise _damaged(path) from None
    found = differences(module.state_dict(), state, counters=True)
    if found:
        raise SourceError(f"{path} does not hold the weights of its architecture {configuration.name}; {found}.")
    module.load_state_dict(dict(state), strict=True, assign=True)
    return module.eval()


def built(architecture: Mapping[str, Any], tensors: int, path: str | Path) -> nn.Module:
    """The architecture before the fold, without its weights.

    Args:
        architecture: as in a configuration.
        tensors: how many the file holds; no net of the ResNet family has more blocks.
        path: of the file, for messages.

    Raises:
        SourceError: it cannot be built.
    """
    try:
        if "name" not in architecture:
            settings = architecture["settings"]
            if sum(settings["layers"]) > tensors:
                raise _damaged(path)
            return from_settings(settings)
        options = architecture["options"]
        if not all(key in ARGUMENTS and isinstance(value, int) for key, value in options.items()):
            raise _damaged(path)
        return construct(architecture["name"], options)
    except UsageError as error:
        raise SourceError(f"{path}: {error}") from None
    except BnfoldError:
        raise
    except Exception:  # settings that the classes do not take
        raise _damaged(path) from None


def _take_out(module: nn.Module, path: str) -> None:
    """Put nothing in the place of a batch normalization, or the activation that timm keeps inside."""
    norm = module.get_submodule(path)
    if not isinstance(norm, _BatchNorm):
        raise TypeError(path)
    rest = OrderedDict((name, part) for name, part in norm.named_children() if not isinstance(part, nn.Identity))
    module.set_submodule(path, nn.Sequential(rest) if rest else nn.Identity())


def _keep_inputs(module: nn.Module) -> None:
    """Let no activation write into what it reads: without the normalization before it, others may read that too."""
    for part in module.modules():
        if getattr(part, "inplace", False) is True:
            part.inplace = False  # type: ignore[assignment]  # a plain attribute of activations


def _damaged(path: str | Path) -> SourceError:
    return SourceError(f"{path} does not say of which module its weights are; its configuration is damaged.")
