"""Measure models of any kind that bnfold reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx_ir as ir

from bnfold import sources
from bnfold.errors import UsageError
from bnfold.graph.bodies import name_apart
from bnfold.graph.facts import read_facts
from bnfold.sources.onnx import load

if TYPE_CHECKING:
    from bnfold.latency.bench import BenchResult
    from bnfold.verification import Batch


def bench(
    models: Sequence[Any],
    *,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    seconds: float = 20.0,
    threads: int = 1,
) -> BenchResult:
    """Measure latency on ONNX Runtime's CPU provider, at graph optimization levels disabled and all.

    Args:
        models: paths to .onnx files or PyTorch checkpoints, ONNX models, or `nn.Module`s; the first is the reference.
        shapes: input shapes by name, where the models do not tell them.
        seconds: measuring time in all.
        threads: intra-op threads of each session.

    Raises:
        UsageError: a shape does not fit.
        SourceError: a model is missing, damaged or not supported, or ONNX Runtime cannot load it.
    """
    from bnfold.latency.bench import bench as measure
    from bnfold.verification import make_batches, specs_of

    if not models:
        raise UsageError("There is no model to measure; name at least one.")
    with ExitStack() as stack:
        opened = [stack.enter_context(sources.opened(model, shapes)) for model in models]
        specs = specs_of(load(opened[0].path))
        batch, *_ = make_batches(specs, shapes=[opened[0].shapes])
        names = [source.name for source in opened]
        unique = names if len(set(names)) == len(names) else None
        return measure([source.path for source in opened], batch.feeds, seconds=seconds, threads=threads, names=unique)


def bench_fold(original: Path, folded: Path, batches: Sequence[Batch], seconds: float) -> tuple[BenchResult, int]:
    """The latency of both files, and how many affine operators of the original ONNX Runtime would leave itself."""
    from bnfold.latency.bench import bench as measure
    from bnfold.latency.ort_folds import left_by_onnxruntime

    names = ("original", "folded")
    result = measure([original, folded], batches[0].feeds, seconds=seconds, names=names)
    return result, left_by_onnxruntime(original, _affine_left)


def _affine_left(model: ir.Model) -> int:
    name_apart(model)
    return sum(read_facts(model).affine_counts())
