"""From an `nn.Module` to an ONNX file: torch's exporter, unoptimized, with nodes named after their modules."""

from __future__ import annotations

import ast
import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx_ir as ir
from onnx_ir.passes.common import ClearMetadataAndDocStringPass, InlinePass, RemoveUnusedNodesPass

from bnfold.errors import MissingExtraError, SourceError, UsageError
from bnfold.graph.constants import evaluate_constants

if TYPE_CHECKING:
    import torch

_SCOPES = "pkg.torch.onnx.name_scopes"


def write_module(module: torch.nn.Module, path: Path, shapes: Mapping[str, tuple[int, ...]] | None) -> None:
    """Export a module in eval mode, with a dynamic batch size.

    Args:
        module: any module that torch.onnx.export takes; it is exported in eval mode and left as it was.
        path: the ONNX file to write.
        shapes: shape of every input, batch first; a single one may have any name.

    Raises:
        UsageError: no shape is known, or the module cannot take it.
        SourceError: torch.onnx cannot export the module.
        MissingExtraError: the exporter is not installed.
    """
    try:
        import onnxscript  # noqa: F401
        import torch
    except ImportError:
        raise MissingExtraError("Exporting a PyTorch module", "torch") from None
    if not isinstance(module, torch.nn.Module):
        raise SourceError(f"A {type(module).__name__} is no model; give a path, an ONNX model or an nn.Module.")
    if not shapes:
        raise UsageError("The input shape of this model is not known; give it as `--input x:1,3,224,224`.")
    dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)
    examples = tuple(torch.zeros(max(shape[0], 2), *shape[1:], dtype=dtype) for shape in shapes.values())
    batch = torch.export.Dim("batch")
    modes = [part.training for part in module.modules()]
    module.eval()
    try:
        with _quiet():
            try:
                with torch.no_grad():
                    module(*examples)
            except Exception as error:
                given = ", ".join("x".join(map(str, shape)) for shape in shapes.values())
                first = next(iter(str(error).strip().splitlines()), type(error).__name__)
                raise UsageError(f"The model does not take an input of shape {given}: {first}") from None
            program = torch.onnx.export(
                module,
                examples,
                dynamo=True,
                optimize=False,
                verbose=False,
                dynamic_shapes=tuple({0: batch} for _ in examples),
            )
    except UsageError:
        raise
    except Exception as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise SourceError(f"torch.onnx cannot export this model: {first}") from None
    finally:
        for part, training in zip(module.modules(), modes, strict=True):
            part.training = training
    assert program is not None
    model = program.model
    InlinePass()(model)
    _name_after_modules(model)
    _name_inputs(model, shapes)
    ClearMetadataAndDocStringPass()(model)
    model.metadata_props.clear()
    # The exporter's raw output hides zeros and shapes behind expressions that stop ONNX Runtime from fusing; nobody
    # deploys that, so it would be no fair thing to compare with.
    evaluate_constants(model)
    _name_biases(model)
    ir.save(model, path)


def _name_inputs(model: ir.Model, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Inputs get the names the user gave; a nameless single one is called input, and a single output output."""
    names = list(shapes)
    if names == [""]:
        names = ["input"]
    for value, name in zip(model.graph.inputs, names, strict=True):
        value.name = name
    if len(model.graph.outputs) == 1:
        model.graph.outputs[0].name = "output"


def _name_after_modules(model: ir.Model) -> None:
    """Call every node by the path of the module it comes from, which is the name its owner knows."""
    count: Counter[str] = Counter()
    for node in model.graph:
        scopes: list[Any] = ast.literal_eval(node.metadata_props.get(_SCOPES, "[]"))
        path = str(scopes[-2]) if len(scopes) > 1 else ""
        last = path.rpartition(".")[2]
        is_layer = last and node.op_type in ("Conv", "ConvTranspose", "Gemm", "BatchNormalization")
        name = path if is_layer else f"{path}.{node.op_type}".lstrip(".")
        count[name] += 1
        node.name = name if count[name] == 1 else f"{name}.{count[name]}"


def _name_biases(model: ir.Model) -> None:
    """The zeros that the exporter invents for a convolution without bias get the name that a bias would have.

    For a 3-D convolution it invents a matrix of them, which no runtime takes; these go.
    """
    for node in model.graph:
        bias = node.inputs[2] if node.op_type in ("Conv", "ConvTranspose") and len(node.inputs) > 2 else None
        if bias is None or not bias.is_initializer() or not (bias.name or "").startswith("val_"):
            continue
        if bias.shape is not None and len(bias.shape) > 1:
            node.replace_input_with(2, None)
        elif len(bias.uses()) == 1:
            bias.name = f"{node.name}.bias"
    RemoveUnusedNodesPass()(model)


@contextmanager
def _quiet() -> Iterator[None]:
    """torch.onnx reports its progress and its own deprecations; neither is news to our user."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
