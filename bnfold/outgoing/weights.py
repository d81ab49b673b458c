"""A folded PyTorch model as .safetensors: its weights, and the configuration that `bnfold.load` rebuilds it from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bnfold.errors import NotEquivalentError, SourceError, UsageError, first_line
from bnfold.fx.fold import module_difference
from bnfold.sources.architecture import options_of
from bnfold.sources.folded import METADATA, Configuration, built, load, rebuild
from bnfold.zoo.recognize import settings_of

Examples = tuple[Tensor, ...]

EQUAL = 1e-12
"""What max|difference| / max|output| in float64 stays below where two modules are one."""
ADVICE = "write it as .pt2 or .onnx"


def plain(module: nn.Module, examples: Examples, arch: str | None) -> tuple[nn.Module, dict[str, Any]]:
    """The module as its architecture builds it, before the fold, and that architecture.

    Args:
        module: in eval mode; traced ones are recognized by the names of their parameters.
        examples: inputs that it takes.
        arch: name of the architecture; None recognizes the ResNet family.

    Raises:
        UsageError: bnfold cannot build it, or what it builds computes something else.
    """
    state = {name: value.detach().clone() for name, value in module.state_dict().items()}
    norms = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    try:
        if arch is None:
            architecture: dict[str, Any] = {"settings": settings_of(state, eps=norms[0].eps if norms else 1e-5)}
        else:
            architecture = {"name": arch, "options": options_of(arch, state)}
        rebuilt = built(architecture, len(state), "The model")
        missing = rebuilt.load_state_dict(state, strict=False, assign=True)
    except (SourceError, RuntimeError) as error:
        raise UsageError(
            f"Weights alone can be written of an architecture that bnfold can build ({first_line(error)}): "
            f"name it with --arch, or {ADVICE}."
        ) from None
    called = arch or architecture["settings"]["net"]
    left = [key for key in missing.missing_keys if not key.endswith("num_batches_tracked")] + missing.unexpected_keys
    if left:
        raise UsageError(f"The model is no {called}, as {left[0]} shows: {ADVICE}.")
    rebuilt = _materialized(rebuilt).eval()
    if module_difference(module, rebuilt, examples) > EQUAL:
        raise UsageError(f"The model has the weights of a {called} and computes something else: {ADVICE}.")
    return rebuilt, architecture


def write_weights(
    before: nn.Module,
    folded: nn.Module,
    architecture: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...]],
    examples: Examples,
    path: Path,
) -> None:
    """Write the folded weights, read them again and compare.

    Args:
        before: the module that was folded, as its architecture builds it.
        folded: what became of it.
        architecture: as `plain` gives it.
        shapes: of the inputs, batch first.
        examples: inputs that both take.
        path: the file to write.

    Raises:
        UsageError: the fold did more than removing batch normalizations and adding biases.
        NotEquivalentError: the file read again does not compute what `folded` does.
    """
    from safetensors.torch import save_file

    configuration, state = _configured(before, folded, architecture, shapes)
    try:
        rebuild(configuration, state, "The folded model", arch=architecture.get("name"), trust=False)
    except SourceError as error:
        raise UsageError(f"{str(error).rstrip('.')}: {ADVICE}; --no-merge keeps the layers as they are.") from None
    save_file(state, path, metadata={"format": "pt", METADATA: configuration.to_json()})
    again = load(path, arch=architecture.get("name"))
    if module_difference(folded, again, examples) > EQUAL:
        raise NotEquivalentError(f"The weights in {path.name} do not compute what the folded module does.")


def _configured(
    before: nn.Module, folded: nn.Module, architecture: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]
) -> tuple[Configuration, dict[str, Tensor]]:
    state = {name: value.detach().clone().contiguous() for name, value in folded.state_dict().items()}
    had = before.state_dict()
    removed = tuple(
        path
        for path, part in before.named_modules()
        if isinstance(part, _BatchNorm) and f"{path}.running_mean" not in state
    )
    linear = {path for path, part in before.named_modules() if getattr(part, "bias", part) is None}
    biases = tuple(path for path in sorted(linear) if f"{path}.bias" in state and f"{path}.bias" not in had)
    known = {"": next(iter(shapes.values()))} if len(shapes) == 1 else dict(shapes)  # its name is the module's own
    return Configuration(architecture, removed, biases, known), state


def _materialized(module: nn.Module) -> nn.Module:
    """With zeros for the counters that a state dict from before torch 0.4.1, or of a trace, lacks."""
    for part in module.modules():
        for name, buffer in part.named_buffers(recurse=False):
            if buffer.is_meta:
                part.register_buffer(name, torch.zeros_like(buffer, device="cpu"))
    return module
