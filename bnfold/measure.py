"""Measure models of any kind that bnfold reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx_ir as ir

from bnfold import sources
from bnfold.errors import UsageError
from bnfold.graph.bodies import name_apart
from bnfold.graph.facts import read_facts
from bnfold.sources import Reading
from bnfold.sources.onnx import load

if TYPE_CHECKING:
    from bnfold.latency.profile import Profile
    from bnfold.latency.results import BenchResult
    from bnfold.latency.sessions import Feeds, Level
    from bnfold.progress import Progress
    from bnfold.verification import Batch, InputSpec


def bench(
    models: Sequence[Any],
    *,
    shapes: Mapping[str, tuple[int, ...]] | Sequence[Mapping[str, tuple[int, ...]]] | None = None,
    batches: Sequence[int] = (),
    levels: Sequence[Level] = ("disabled", "all"),
    threads: int | Sequence[int] = 1,
    providers: Sequence[str] = ("cpu",),
    seconds: float = 20.0,
    arch: str | None = None,
    trust: bool = False,
    progress: Progress | None = None,
) -> BenchResult:
    """Measure latency on ONNX Runtime, every model in turn in random order, under every setting.

    Args:
        models: paths to .onnx files or PyTorch checkpoints, ONNX models, or `nn.Module`s; the first is the reference.
        shapes: input shapes by name, batch first, where the models do not tell them; several of them are measured one
            by one.
        batches: sizes for the first axis of all inputs, measured one by one.
        levels: ONNX Runtime's graph optimization levels: "disabled", "basic", "all".
        threads: intra-op threads of each session; one or several numbers.
        providers: ONNX Runtime's execution providers: "cpu", "cuda", "tensorrt", "openvino", ...
        seconds: measuring time in all, in seconds.
        arch, trust: how PyTorch files are read, as for `fold`.
        progress: called with "measuring latency" and the share that is done, 0 to 1.

    Returns:
        Times in seconds and paired ratios with their 95 % intervals, setting by setting.

    Raises:
        UsageError: an argument cannot be used, a shape does not fit, or a provider is not installed.
        SourceError: a model is missing, damaged or not supported, or ONNX Runtime cannot load it.

    Examples:
        >>> result = bnfold.bench(["model.onnx", "folded.onnx"], batches=[1, 4], levels=["disabled"], seconds=0.4)
        >>> [(each.name, each.setting.batch) for each in result.contestants]
        [('model', 1), ('folded', 1), ('model', 4), ('folded', 4)]
        >>> ratio = result.comparisons[0].run.speedup
        >>> 0 < ratio.low <= ratio.value <= ratio.high
        True
    """
    from bnfold.latency.bench import bench as measure

    def told(share: float) -> None:
        if progress is not None:
            progress("measuring latency", share)

    with _opened(models, shapes, batches, Reading(arch, trust)) as (paths, names, feeds):
        return measure(
            paths,
            feeds,
            levels=levels,
            threads=[threads] if isinstance(threads, int) else threads,
            providers=providers,
            seconds=seconds,
            names=names,
            progress=told,
        )


def profile(
    models: Sequence[Any],
    *,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    level: Level = "all",
    threads: int = 1,
    provider: str = "cpu",
    arch: str | None = None,
    trust: bool = False,
) -> list[Profile]:
    """Where the time of each model goes, operator by operator, and how much of this machine's peak that is.

    Arguments and errors as in `bench`.
    """
    from bnfold.isolation import call

    with _opened(models, shapes, (), Reading(arch, trust)) as (paths, names, (feeds,)):
        settings: Any = {"feeds": dict(feeds), "level": level, "threads": threads, "provider": provider}
        found: list[Profile] = [
            call("bnfold.latency.profile:profile", path=path, name=name, **settings)
            for path, name in zip(paths, names, strict=True)
        ]
        if provider != "cpu":
            return found
        size = max(each.bytes for each in found)
        roof = call("bnfold.latency.profile:roofline", threads=threads, size=size)
        return [replace(each, roof=roof) for each in found]


@contextmanager
def _opened(
    models: Sequence[Any],
    shapes: Mapping[str, tuple[int, ...]] | Sequence[Mapping[str, tuple[int, ...]]] | None,
    batches: Sequence[int],
    reading: Reading,
) -> Iterator[tuple[list[Path], list[str], list[Feeds]]]:
    """ONNX files of all models, their names, and what to feed."""
    from bnfold.verification import make_batches, specs_of

    if isinstance(models, str | Path):
        raise UsageError(f"`bench` takes a list of models, not one: write [{str(models)!r}].")
    if not models:
        raise UsageError("There is no model to measure; name at least one.")
    variants = [shapes or {}] if shapes is None or isinstance(shapes, Mapping) else list(shapes) or [{}]
    with ExitStack() as stack:
        opened = [stack.enter_context(sources.opened(model, variants[0], reading)) for model in models]
        specs = specs_of(load(opened[0].path))
        feeds: list[Feeds] = []
        for variant in variants:
            first, *_ = make_batches(specs, shapes=[{**opened[0].shapes, **variant}])
            if not batches:
                feeds.append(first.feeds)
            for size in batches:
                again, *_ = make_batches(specs, shapes=[_with_batch(specs, first, size)])
                feeds.append(again.feeds)
        yield [source.path for source in opened], _labels([source.name for source in opened]), feeds


def _labels(names: Sequence[str]) -> list[str]:
    """Short names that tell the models apart: without folder and ending where those are not needed."""
    for labels in ([Path(name).stem for name in names], [Path(name).name for name in names], list(names)):
        if len(set(labels)) == len(labels):
            return labels
    return [f"{name} #{number}" for number, name in enumerate(names, 1)]


def _with_batch(specs: Sequence[InputSpec], batch: Batch, size: int) -> dict[str, tuple[int, ...]]:
    """The shapes of a batch with `size` along the first axis of every input.

    Raises:
        UsageError: the axis is fixed to another size.
    """
    shapes = {name: (size, *array.shape[1:]) for name, array in batch.feeds.items() if array.ndim}
    for spec in specs:
        fixed = spec.shape[0] if spec.shape else None
        if isinstance(fixed, int) and fixed != size:
            raise UsageError(
                f"Input {spec.name!r} has a fixed first axis of {fixed}, so --batch {size} cannot be measured;"
                " export the model with an open batch axis."
            )
    return shapes


def bench_fold(original: Path, folded: Path, batches: Sequence[Batch], seconds: float) -> tuple[BenchResult, int]:
    """The latency of both files, and how many affine operators of the original ONNX Runtime would leave itself."""
    from bnfold.latency.bench import bench as measure
    from bnfold.latency.ort_folds import left_by_onnxruntime

    names = ("original", "folded")
    result = measure([original, folded], [batches[0].feeds], seconds=seconds, names=names)
    return result, left_by_onnxruntime(original, _affine_left)


def _affine_left(model: ir.Model) -> int:
    name_apart(model)
    return sum(read_facts(model).affine_counts())
