"""A folded PyTorch model as an exported program, `.pt2`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bnfold import save
from bnfold.errors import NotEquivalentError, SourceError, UsageError
from bnfold.fx.door import fold_in_torch
from bnfold.fx.trace import tensors
from bnfold.report.data import FoldResult
from bnfold.sources import CHECKPOINTS, Reading
from bnfold.sources.checkpoint import read_checkpoint

SUFFIX = ".pt2"


def fold_to_program(
    source: Any,
    target: Path,
    shapes: Mapping[str, tuple[int, ...]] | None,
    reading: Reading,
    *,
    force: bool = False,
    dry_run: bool = False,
) -> FoldResult:
    """Fold a module in PyTorch, prove the result, and write it with a dynamic batch size.

    Args:
        source: a path to a PyTorch file, or an `nn.Module`.
        target: the file to write, which must end in .pt2.
        shapes: input shapes, batch first, where the source does not tell them.
        reading: how a PyTorch file is to be read.
        force: replace `target` if it exists.
        dry_run: do everything except writing.

    Raises:
        NotEquivalentError: the folded module, or the file read again, does not compute the same.
        UsageError: the source is no PyTorch model, or the target cannot be written.
        SourceError: the source cannot be read, or torch cannot trace or export it.
    """
    if not dry_run:
        save.check_output(target, force=force, suffix=SUFFIX)
    module, name, description, known = _module(source, shapes, reading)
    dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)
    draw = torch.Generator().manual_seed(0)
    examples = tuple(torch.randn(max(s[0], 2), *s[1:], generator=draw).to(dtype) for s in known.values())
    result = fold_in_torch(module, examples)
    if not dry_run:
        with save.staging(target) as staged:
            _write(result.model, examples, staged)
            save.publish(staged, target)
    report = replace(result.report, source=name, description=description, output=str(target))
    return replace(result, report=report)


def _module(
    source: Any, shapes: Mapping[str, tuple[int, ...]] | None, reading: Reading
) -> tuple[nn.Module, str, str, Mapping[str, tuple[int, ...]]]:
    if isinstance(source, nn.Module):
        if not shapes:
            raise UsageError("The input shape of this model is not known; give example inputs or `shapes`.")
        return source, type(source).__name__, f"PyTorch module {type(source).__name__}", shapes
    path = Path(source) if isinstance(source, str | Path) else None
    if path is None or path.suffix.lower() not in CHECKPOINTS:
        raise UsageError(f"A {SUFFIX} file is made of PyTorch models only; write this one as .onnx.")
    if not path.exists():
        raise SourceError(f"{path} does not exist.")
    checkpoint = read_checkpoint(path, shapes, arch=reading.arch, trust=reading.trust)
    return checkpoint.module, str(path), checkpoint.description, checkpoint.input_shapes


def _write(module: nn.Module, examples: Sequence[torch.Tensor], path: Path) -> None:
    """Export, save, read again and compare."""
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            dynamic = tuple({0: batch} for _ in examples)
            program = torch.export.export(module, tuple(examples), dynamic_shapes=dynamic)
        except Exception as error:
            first = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise SourceError(f"torch.export cannot export the folded module: {first}") from None
        torch.export.save(program, path)
        again = torch.export.load(path).module()
        pairs = zip(tensors(again(*examples)), tensors(module(*examples)), strict=True)
        if not all(torch.equal(a, b) for a, b in pairs):
            raise NotEquivalentError("The exported program does not compute what the folded module does.")
