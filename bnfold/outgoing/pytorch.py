"""Folding a PyTorch model into a PyTorch file: an exported program (.pt2) or weights (.safetensors)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bnfold import save
from bnfold.errors import SourceError, UsageError
from bnfold.fx.door import fold_in_torch
from bnfold.objective import Objective
from bnfold.outgoing.program import write_program
from bnfold.outgoing.weights import plain, write_weights
from bnfold.report.data import FoldResult
from bnfold.sources import CHECKPOINTS, Reading
from bnfold.sources.checkpoint import Checkpoint, read_checkpoint


def fold_to_pytorch(
    source: Any,
    target: Path,
    shapes: Mapping[str, tuple[int, ...]] | None,
    reading: Reading,
    *,
    merge: bool = True,
    objective: Objective = Objective.LATENCY,
    force: bool = False,
    dry_run: bool = False,
) -> FoldResult:
    """Fold a module in PyTorch, prove the result, write it, read it again and compare.

    Args:
        source: a path to a PyTorch file, or an `nn.Module`.
        target: the file to write, which ends in .pt2 or .safetensors.
        shapes: input shapes, batch first, where the source does not tell them.
        reading: how a PyTorch file is to be read; for weights, also the architecture of any module.
        merge, objective: as for `bnfold.fold`.
        force: replace `target` if it exists.
        dry_run: do everything except putting the file in its place.

    Raises:
        NotEquivalentError: the folded module, or the file read again, does not compute the same.
        UsageError: the source is no PyTorch model, has no form of this kind, or the target cannot be written.
        SourceError: the source cannot be read, or torch cannot trace or export it.
    """
    suffix = target.suffix.lower()
    if not dry_run:
        save.check_output(target, force=force, suffix=suffix)
    given, name = _read(source, target, shapes, reading)
    module, known = given.module, given.input_shapes
    dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)
    draw = torch.Generator().manual_seed(0)
    examples = tuple(torch.randn(max(s[0], 2), *s[1:], generator=draw).to(dtype) for s in known.values())
    architecture: dict[str, Any] = {}
    if suffix == ".safetensors":
        module, architecture = plain(module, examples, reading.arch)
    result = fold_in_torch(module, examples, merge=merge, objective=objective)
    with save.workplace(target, dry_run=dry_run) as staged:
        if suffix == ".safetensors":
            write_weights(module, result.model, architecture, known, examples, staged)
        else:
            write_program(result.model, examples, staged)
        if not dry_run:
            save.publish(staged, target)
    return replace(
        result,
        report=replace(
            result.report, source=name, description=given.description, output=None if dry_run else str(target)
        ),
    )


def _read(
    source: Any, target: Path, shapes: Mapping[str, tuple[int, ...]] | None, reading: Reading
) -> tuple[Checkpoint, str]:
    if isinstance(source, nn.Module):
        if not shapes:
            raise UsageError("The input shape of this model is not known; give example inputs or `shapes`.")
        switched = ", folded in eval mode" if source.training else ""
        name = type(source).__name__
        return Checkpoint(source, f"PyTorch module {name}{switched}", shapes, source), name
    path = Path(source) if isinstance(source, str | Path) else None
    if path is None or path.suffix.lower() not in CHECKPOINTS:
        raise UsageError(f"A {target.suffix} file is made of PyTorch models only; write this one as .onnx.")
    if not path.exists():
        raise SourceError(f"{path} does not exist.")
    return read_checkpoint(path, shapes, arch=reading.arch, trust=reading.trust), str(path)
