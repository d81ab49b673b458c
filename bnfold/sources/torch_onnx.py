"""torch's own ONNX exporter, unoptimized, with nodes named after their modules: for calls that are not known."""

from __future__ import annotations

import ast
import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from typing import TYPE_CHECKING, Any

import onnx_ir as ir
from onnx_ir.passes.common import ClearMetadataAndDocStringPass, InlinePass, RemoveUnusedNodesPass

from bnfold.errors import MissingExtraError, SourceError, first_line
from bnfold.graph.constants import evaluate_constants

if TYPE_CHECKING:
    import torch

_SCOPES = "pkg.torch.onnx.name_scopes"


def export(module: torch.nn.Module, examples: Sequence[torch.Tensor], names: Sequence[str]) -> ir.Model:
    """Export a module with a dynamic batch size.

    Args:
        module: any module in eval mode that torch.onnx.export takes.
        examples: one tensor per input, batch first.
        names: of the model's inputs.

    Raises:
        SourceError: torch.onnx cannot export the module.
        MissingExtraError: the exporter is not installed.
    """
    try:
        import onnxscript  # noqa: F401
        import torch
    except ImportError:
        raise MissingExtraError("Exporting a PyTorch module", "torch") from None
    batch = torch.export.Dim("batch")
    try:
        with _quiet():
            program = torch.onnx.export(
                module,
                tuple(examples),
                dynamo=True,
                optimize=False,
                verbose=False,
                dynamic_shapes=tuple({0: batch} for _ in examples),
            )
    except Exception as error:
        raise SourceError(f"torch.onnx cannot export this model: {_cause(error)}.") from None
    assert program is not None
    return _tidied(program.model, names)


def _tidied(model: ir.Model, names: Sequence[str]) -> ir.Model:
    InlinePass()(model)
    _name_after_modules(model)
    for value, name in zip(model.graph.inputs, names, strict=True):
        value.name = name
    if len(model.graph.outputs) == 1:
        model.graph.outputs[0].name = "output"
    ClearMetadataAndDocStringPass()(model)
    model.metadata_props.clear()
    # The exporter's raw output hides zeros and shapes behind expressions that stop ONNX Runtime from fusing; nobody
    # deploys that, so it would be no fair thing to compare with.
    evaluate_constants(model)
    _name_biases(model)
    return model


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
        bias = node.inputs[2] if node.op_type == "Conv" and len(node.inputs) > 2 else None
        if bias is None or not bias.is_initializer() or not (bias.name or "").startswith("val_"):
            continue
        if bias.shape is not None and len(bias.shape) > 1:
            node.replace_input_with(2, None)
        elif len(bias.uses()) == 1:
            bias.name = f"{node.name}.bias"
    RemoveUnusedNodesPass()(model)


def _cause(error: BaseException) -> str:
    """The first line of what went wrong first: what is raised last tells how to write to PyTorch, not what happened."""
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)


@contextmanager
def _quiet() -> Iterator[None]:
    """torch.onnx tells of its progress, its deprecations and what it gave up on; none of it is news to our user."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
