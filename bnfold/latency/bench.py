"""Measure model files against the first of them, under every setting asked for."""

import math
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from bnfold.errors import UsageError
from bnfold.isolation import Limits, call
from bnfold.latency import caveats
from bnfold.latency.environment import environment, mean_clock
from bnfold.latency.providers import provider
from bnfold.latency.results import BenchResult, Compared, Measured
from bnfold.latency.sampler import Contestant, Samples, Sampling
from bnfold.latency.sessions import LEVELS, Feeds, Level
from bnfold.latency.setting import Setting
from bnfold.latency.statistics import compare, summarize


def bench(
    paths: Sequence[Path],
    feeds: Sequence[Feeds],
    *,
    levels: Sequence[Level] = ("disabled", "all"),
    threads: Sequence[int] = (1,),
    providers: Sequence[str] = ("cpu",),
    seconds: float = 20.0,
    seed: int = 0,
    names: Sequence[str] | None = None,
    progress: Callable[[float], None] | None = None,
) -> BenchResult:
    """Measure ONNX files on ONNX Runtime, each setting in a child process of its own.

    Args:
        paths: ONNX files; the first one is the reference.
        feeds: one or more of input name -> array, the same for all files: batch sizes, input sizes.
        levels: ONNX Runtime's graph optimization levels: "disabled", "basic", "all".
        threads: one or more numbers of intra-op threads of each session.
        providers: ONNX Runtime's execution providers, by the names in `bnfold.latency.providers`.
        seconds: measuring time in all, shared equally among the settings; loading comes on top.
        seed: of the orders and of the bootstrap.
        names: labels of the files; by default their stems, or their paths where stems repeat.
        progress: called with the fraction done, after each setting.

    Raises:
        UsageError: an argument cannot be used, the feeds do not fit a model, or a provider is not installed.
        SourceError: a file is missing or ONNX Runtime cannot load it.
        bnfold.isolation.ChildError: ONNX Runtime crashed.
    """
    paths = [Path(path) for path in paths]
    names = _names(paths) if names is None else list(names)
    _check(paths, names, feeds, levels, threads, providers, seconds)
    machine = environment()
    watch = caveats.Watch.start()
    everyone = [Contestant(name, path) for name, path in zip(names, paths, strict=True)]
    contestants: list[Measured] = []
    controls: list[Measured] = []
    comparisons: list[Compared] = []
    samplings: list[tuple[Setting, Sampling]] = []
    warnings = caveats.before(machine, max(threads))
    settings = list(product(providers, threads, feeds, levels))
    for done, (on, count, fed, level) in enumerate(settings, start=1):
        setting = Setting(on, count, {name: array.shape for name, array in fed.items()}, level)
        share = seconds / len(settings)
        shared: Any = {"feeds": dict(fed), "level": level, "threads": count, "provider": on}
        sampling: Sampling = call(
            "bnfold.latency.sampler:sample",
            limits=Limits(timeout=600 + 10 * share),
            contestants=everyone,
            seconds=share,
            seed=seed,
            **shared,
        )
        peaks = [call("bnfold.latency.footprint:peak_bytes", path=path, **shared) for path in paths]
        contestants += [_measured(*each, setting) for each in zip(sampling.samples, peaks, strict=True)]
        controls.append(_measured(sampling.control, peaks[0], setting))
        comparisons += _compare(sampling, setting, seed)
        samplings.append((setting, sampling))
        if progress is not None:
            progress(done / len(settings))
    warnings += [*caveats.of_samples(samplings, seed), *watch.warnings()]
    found = (tuple(contestants), tuple(controls), tuple(comparisons), tuple(warnings))
    return BenchResult(machine, mean_clock(), seconds, seed, *found)


def _check(
    paths: Sequence[Path],
    names: Sequence[str],
    feeds: Sequence[Feeds],
    levels: Sequence[Level],
    threads: Sequence[int],
    providers: Sequence[str],
    seconds: float,
) -> None:
    if not paths:
        raise UsageError("There is no model to measure; name at least one ONNX file.")
    if len(names) != len(paths) or len(set(names)) != len(names):
        raise UsageError(f"{len(paths)} models need as many different names, but {list(names)} was given.")
    if not levels or len(set(levels)) != len(levels) or not set(levels) <= set(LEVELS):
        raise UsageError(f"Levels are different ones of {', '.join(LEVELS)}, but {list(levels)} was given.")
    if not threads or min(threads) < 1 or len(set(threads)) != len(threads):
        raise UsageError(f"Sessions need different numbers of threads from 1 on, but {list(threads)} was given.")
    if not providers or len(set(providers)) != len(providers):
        raise UsageError(f"Measuring needs different providers, but {list(providers)} was given.")
    for name in providers:
        provider(name)
    if not feeds:
        raise UsageError("There is no input to measure with.")
    if not 0 < seconds < math.inf:
        raise UsageError(f"The measuring time must be a positive number, but --seconds is {seconds:g}.")


def _names(paths: Sequence[Path]) -> list[str]:
    """Label files by stem, or by the path as given where stems repeat; a path given again is numbered."""
    labels = [path.stem for path in paths]
    if len(set(labels)) < len(labels):
        labels = [str(path) for path in paths]
    seen: dict[str, int] = {}
    for index, label in enumerate(labels):
        seen[label] = seen.get(label, 0) + 1
        if seen[label] > 1:
            labels[index] = f"{label} #{seen[label]}"
    return labels


def _measured(samples: Samples, peak: int | None, setting: Setting) -> Measured:
    who = samples.contestant
    times = (summarize(samples.runs), summarize(samples.loads), samples.copies)
    return Measured(who.name, who.path, setting, *times, samples.size_bytes, peak, samples.runs)


def _compare(sampling: Sampling, setting: Setting, seed: int) -> list[Compared]:
    reference, *candidates = sampling.samples
    control = sampling.control
    return [
        Compared(
            reference.contestant.name,
            candidate.contestant.name,
            setting,
            compare(reference.runs, candidate.runs, control.runs, seed=seed),
            compare(reference.loads, candidate.loads, control.loads, seed=seed),
        )
        for candidate in candidates
    ]
