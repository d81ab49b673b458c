"""Reading PyTorch files: pickled modules, state dicts, safetensors, TorchScript archives and exported programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnfold.errors import MissingExtraError, SourceError, UsageError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Checkpoint:
    """A module read from a file.

    Attributes:
        module: in eval mode.
        description: what the file was recognized as.
        input_shapes: shapes that the file states, that the user gave, or that are usual for what was recognized.
        witness: what the folded model has to compute: `module`, or what that was traced from.
    """

    module: torch.nn.Module
    description: str
    input_shapes: Mapping[str, tuple[int, ...]]
    witness: torch.nn.Module


def read_checkpoint(
    path: Path, shapes: Mapping[str, tuple[int, ...]] | None = None, *, arch: str | None = None, trust: bool = False
) -> Checkpoint:
    """Read a PyTorch file. No code in it is run unless `trust` says so.

    Args:
        path: a file of torch.save, safetensors, torch.jit.save or torch.export.save, told by what is in it.
        shapes: input shapes by name, where the file does not state them.
        arch: architecture of a state dict; without it the ResNet family is recognized.
        trust: run whatever code the file asks for.

    Raises:
        SourceError: the file is damaged, wants to run code, or holds an architecture that is not recognized.
        UsageError: an input shape is needed or does not fit, or there is no such architecture.
        MissingExtraError: PyTorch or a library that reads the file is not installed.
    """
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtraError("Reading a PyTorch checkpoint", "torch") from None
    from bnfold.sources.screening import kind_of

    if path.suffix.lower() == ".safetensors":
        return _from_safetensors(path, shapes, arch, trust=trust)
    kind = kind_of(path)
    if kind == "torchscript":
        return _from_script(path, shapes, trust=trust)
    if kind == "program":
        return _from_program(path, shapes, trust=trust)
    from bnfold.sources.unpickle import unpickle
    from bnfold.zoo.unwrap import module_within

    content = unpickle(path, trust=trust)
    module = module_within(content)
    if module is not None:
        return _from_module(module, shapes)
    if not isinstance(content, Mapping):
        kind_of_content = type(content).__name__
        raise SourceError(f"{path} holds a {kind_of_content}, not a module or a state dict; save one of these.")
    stated = content.get("input_shape")
    return _from_state(content, None if stated is None else tuple(int(extent) for extent in stated), shapes, arch)


def _from_module(module: torch.nn.Module, shapes: Mapping[str, tuple[int, ...]] | None) -> Checkpoint:
    switched = ", switched from training to eval mode" if module.training else ""
    module = module.eval()
    description = f"PyTorch module {type(module).__name__}{switched}"
    return _with_shape(module, description, shapes, None)


def _from_state(
    content: Mapping[str, Any],
    stated: tuple[int, ...] | None,
    shapes: Mapping[str, tuple[int, ...]] | None,
    arch: str | None,
) -> Checkpoint:
    from bnfold import zoo
    from bnfold.sources.architecture import build

    state = zoo.unwrap_state_dict(content)
    module = zoo.recognize(state).eval() if arch is None else build(arch, state)
    parameters = sum(parameter.numel() for parameter in module.parameters())
    known = arch or f"a {type(module).__name__}"
    return _with_shape(module, f"state dict of {known} with {parameters:,} parameters", shapes, stated)


def _from_script(path: Path, shapes: Mapping[str, tuple[int, ...]] | None, *, trust: bool) -> Checkpoint:
    from bnfold.sources.programs import as_graph, read_script

    script, switched = read_script(path, trust=trust)
    found = _with_shape(script, f"TorchScript archive{switched}", shapes, None)
    if len(found.input_shapes) != 1:
        raise SourceError(f"{path} is a TorchScript archive with several inputs; export it to ONNX.")
    (shape,) = found.input_shapes.values()
    return Checkpoint(as_graph(script, shape), found.description, found.input_shapes, script)


def _from_program(path: Path, shapes: Mapping[str, tuple[int, ...]] | None, *, trust: bool) -> Checkpoint:
    from bnfold.sources.programs import read_program

    module, stated = read_program(path, trust=trust)
    known = dict(shapes) if shapes else {"" if len(stated) == 1 else name: shape for name, shape in stated.items()}
    given = ", ".join("x".join(map(str, shape[1:])) for shape in known.values())
    return Checkpoint(module, f"exported program, input {given}", known, module)


def _with_shape(
    module: torch.nn.Module,
    description: str,
    shapes: Mapping[str, tuple[int, ...]] | None,
    stated: tuple[int, ...] | None,
) -> Checkpoint:
    """The input that the user gave, the file states or the network usually has; the last is said."""
    from bnfold.sources.input_shape import usual_shape

    if shapes:
        return Checkpoint(module, description, shapes, module)
    shape = stated or usual_shape(module)
    if shape is None:
        raise UsageError("The input shape of this model is not known; give it as `--input x:1,3,224,224`.")
    assumed = "" if stated else " (assumed; --input says otherwise)"
    return Checkpoint(module, f"{description}, input {'x'.join(map(str, shape[1:]))}{assumed}", {"": shape}, module)


def _from_safetensors(
    path: Path, shapes: Mapping[str, tuple[int, ...]] | None, arch: str | None, *, trust: bool
) -> Checkpoint:
    from bnfold.sources.folded import METADATA, read_configuration, rebuild

    state, metadata = read_safetensors(path)
    if METADATA not in metadata:
        return _from_state(state, None, shapes, arch)
    configuration = read_configuration(metadata[METADATA], path)
    module = rebuild(configuration, state, path, arch=arch, trust=trust)
    known = shapes or configuration.input_shapes
    given = ", ".join("x".join(map(str, shape[1:])) for shape in known.values())
    return Checkpoint(module, f"folded weights of {configuration.name}, input {given}", known, module)


def read_safetensors(path: Path) -> tuple[dict[str, torch.Tensor], Mapping[str, str]]:
    """The tensors of a .safetensors file, and its metadata.

    Raises:
        SourceError: it is missing or damaged.
        MissingExtraError: the library that reads it is not installed.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise MissingExtraError("Reading a .safetensors file", "torch") from None
    try:
        with safe_open(path, framework="pt") as archive:
            tensors = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118 - no mapping
            return tensors, archive.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise SourceError(f"{path} is not a safetensors file, or it is damaged: {error}.") from None
