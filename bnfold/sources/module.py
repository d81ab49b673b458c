"""From an `nn.Module` to an ONNX file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import onnx_ir as ir

from bnfold.errors import MissingExtraError, SourceError, UsageError, first_line

if TYPE_CHECKING:
    import torch

    from bnfold.sources.witness import Witness


@dataclass(frozen=True)
class Written:
    """An ONNX file made of a module.

    Attributes:
        how: what wrote it, and why if that was not the quick way.
        witness: says what the file has to compute.
    """

    how: str
    witness: Witness


def write_module(
    module: torch.nn.Module,
    path: Path,
    shapes: Mapping[str, tuple[int, ...]] | None,
    witness: torch.nn.Module | None = None,
) -> Written:
    """Write a module in eval mode, with a dynamic batch size.

    Where every call of its torch.fx trace is known the file is written from that; torch.onnx.export takes the rest.

    Args:
        module: any module that one of them takes; it is left as it was.
        path: the ONNX file to write.
        shapes: shape of every input, batch first; a single one may have any name.
        witness: the module to compare the file with, if that is not `module` itself.

    Raises:
        UsageError: no shape is known, or the module cannot take it.
        SourceError: the module normalizes by the statistics of its batch, or torch.onnx cannot export it.
        MissingExtraError: torch, or the exporter where it is needed, is not installed.
    """
    try:
        import torch
    except ImportError:
        raise MissingExtraError("Exporting a PyTorch module", "torch") from None
    from bnfold.sources.witness import Witness

    if not isinstance(module, torch.nn.Module):
        raise SourceError(f"A {type(module).__name__} is no model; give a path, an ONNX model or an nn.Module.")
    if not shapes:
        raise UsageError("The input shape of this model is not known; give it as `--input x:1,3,224,224`.")
    _refuse_batch_statistics(module)
    names = ["input"] if list(shapes) == [""] else list(shapes)
    dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)
    examples = [torch.zeros(max(shape[0], 2), *shape[1:], dtype=dtype) for shape in shapes.values()]
    with _in_eval_mode(module), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a model warns of while it is traced was written for its training
        model, how = _model(module, examples, names)
    ir.save(model, path)
    return Written(how, Witness(witness or module, tuple(names)))


def _model(module: torch.nn.Module, examples: Sequence[torch.Tensor], names: Sequence[str]) -> tuple[ir.Model, str]:
    from bnfold.fx.forms import NotWritableError
    from bnfold.fx.write import write_onnx

    try:
        model = write_onnx(module, examples, names)
        onnx.checker.check_model(ir.to_proto(model))
    except (NotWritableError, SourceError, UsageError, onnx.checker.ValidationError) as reason:
        from bnfold.sources.torch_onnx import export

        _check_shapes(module, examples)
        return export(module, examples, names), f"exported by torch.onnx ({str(reason).rstrip('.')})"
    return model, "written from its trace"


def _refuse_batch_statistics(module: torch.nn.Module) -> None:
    import torch

    for name, part in module.named_modules():
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm) and part.running_mean is None:
            raise SourceError(
                f"{type(part).__name__} {name} keeps no running statistics, so its result depends on the other samples "
                "of the batch; train it with track_running_stats=True."
            )


def _check_shapes(module: torch.nn.Module, examples: Sequence[torch.Tensor]) -> None:
    import torch

    try:
        with torch.no_grad():
            module(*examples)
    except Exception as error:
        given = ", ".join("x".join(map(str, (1, *example.shape[1:]))) for example in examples)
        raise UsageError(f"The model does not take an input of shape {given}: {first_line(error)}.") from None


@contextmanager
def _in_eval_mode(module: torch.nn.Module) -> Iterator[None]:
    modes = [part.training for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in zip(module.modules(), modes, strict=True):
            part.training = training
