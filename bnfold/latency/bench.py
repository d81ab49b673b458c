"""Measure model files against the first of them, at several optimization levels of ONNX Runtime."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnfold.errors import UsageError
from bnfold.isolation import Limits, call
from bnfold.latency.environment import Environment, environment
from bnfold.latency.sampler import WARM_UP_SHARE, Contestant, Samples, Sampling
from bnfold.latency.sessions import LEVELS, Feeds, Level
from bnfold.latency.statistics import Comparison, Summary, compare, paired_ratio, summarize

CONTROL_OFF = 0.03
FEW_BLOCKS = 20


@dataclass(frozen=True)
class Measured:
    """One file at one level.

    Attributes:
        name: label of the file.
        path: of the file.
        level: ONNX Runtime's graph optimization level.
        run: seconds a run.
        load: seconds to create a session, the file being in the page cache.
        size_bytes: file size, external data included.
    """

    name: str
    path: Path
    level: Level
    run: Summary
    load: Summary
    size_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as a JSON-ready dict."""
        return {
            "name": self.name,
            "path": str(self.path),
            "level": self.level,
            "run": self.run.to_json(),
            "load": self.load.to_json(),
            "size_bytes": self.size_bytes,
        }


@dataclass(frozen=True)
class LevelComparison:
    """A candidate against the reference at one level: how fast it runs and how fast it loads."""

    reference: str
    candidate: str
    level: Level
    run: Comparison
    load: Comparison

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as a JSON-ready dict."""
        return {
            "reference": self.reference,
            "candidate": self.candidate,
            "level": self.level,
            "run": self.run.to_json(),
            "load": self.load.to_json(),
        }


@dataclass(frozen=True)
class BenchResult:
    """What a `bench` found; times in seconds.

    Attributes:
        environment: the machine, as it was before measuring.
        threads: intra-op threads of each session.
        seconds: that were asked for.
        seed: of orders and intervals.
        contestants: level by level, each with the files in the given order; the reference is the first.
        comparisons: level by level, every file but the reference.
        warnings: sentences that say why a number may mislead and what to do about it.
    """

    environment: Environment
    threads: int
    seconds: float
    seed: int
    contestants: tuple[Measured, ...]
    comparisons: tuple[LevelComparison, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON-ready dict."""
        return {
            "environment": self.environment.to_json(),
            "threads": self.threads,
            "seconds": self.seconds,
            "seed": self.seed,
            "unit": "s",
            "contestants": [contestant.to_json() for contestant in self.contestants],
            "comparisons": [comparison.to_json() for comparison in self.comparisons],
            "warnings": list(self.warnings),
        }


def bench(
    paths: Sequence[Path],
    feeds: Feeds,
    *,
    levels: Sequence[Level] = ("disabled", "all"),
    threads: int = 1,
    seconds: float = 20.0,
    seed: int = 0,
    names: Sequence[str] | None = None,
    progress: Callable[[float], None] | None = None,
) -> BenchResult:
    """Measure ONNX files on ONNX Runtime's CPU provider, each level in a child process of its own.

    Args:
        paths: ONNX files; the first one is the reference.
        feeds: input name -> array, the same for all files.
        levels: ONNX Runtime's graph optimization levels: "disabled", "basic", "all".
        threads: intra-op threads of each session.
        seconds: measuring time in all, shared equally among the levels; loading comes on top.
        seed: of the orders and of the bootstrap.
        names: labels of the files; by default their stems, or their paths where stems repeat.
        progress: called with the fraction done, after each level.

    Raises:
        UsageError: an argument cannot be used, or the feeds do not fit a model.
        SourceError: a file is missing or ONNX Runtime cannot load it.
        bnfold.isolation.ChildError: ONNX Runtime crashed.
    """
    paths = [Path(path) for path in paths]
    names = _names(paths) if names is None else list(names)
    _check(paths, names, levels, threads, seconds)
    machine = environment()
    contestants: list[Measured] = []
    comparisons: list[LevelComparison] = []
    warnings = _load_warnings(machine, threads)
    for done, level in enumerate(levels, start=1):
        share = seconds / len(levels)
        sampling: Sampling = call(
            "bnfold.latency.sampler:sample",
            limits=Limits(timeout=600 + 10 * share),
            contestants=[Contestant(name, path, level) for name, path in zip(names, paths, strict=True)],
            feeds=dict(feeds),
            threads=threads,
            seconds=share,
            seed=seed,
        )
        contestants += [_measured(samples) for samples in sampling.samples]
        comparisons += _compare(sampling, seed)
        warnings += _sample_warnings(sampling, level, len(levels), seed)
        if progress is not None:
            progress(done / len(levels))
    return BenchResult(machine, threads, seconds, seed, tuple(contestants), tuple(comparisons), tuple(warnings))


def _check(paths: Sequence[Path], names: Sequence[str], levels: Sequence[Level], threads: int, seconds: float) -> None:
    if not paths:
        raise UsageError("There is no model to measure; name at least one ONNX file.")
    if len(names) != len(paths) or len(set(names)) != len(names):
        raise UsageError(f"{len(paths)} models need as many different names, but {list(names)} was given.")
    if not levels or len(set(levels)) != len(levels) or not set(levels) <= set(LEVELS):
        raise UsageError(f"Levels are different ones of {', '.join(LEVELS)}, but {list(levels)} was given.")
    if threads < 1:
        raise UsageError(f"A session needs at least 1 thread, but --threads is {threads}.")
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


def _measured(samples: Samples) -> Measured:
    who = samples.contestant
    run, load = summarize(samples.runs), summarize(samples.loads)
    return Measured(who.name, who.path, who.level, run, load, samples.size_bytes)


def _compare(sampling: Sampling, seed: int) -> list[LevelComparison]:
    reference, *candidates = sampling.samples
    control = sampling.control
    return [
        LevelComparison(
            reference.contestant.name,
            candidate.contestant.name,
            candidate.contestant.level,
            compare(reference.runs, candidate.runs, control.runs, seed=seed),
            compare(reference.loads, candidate.loads, control.loads, seed=seed),
        )
        for candidate in candidates
    ]


def _load_warnings(machine: Environment, threads: int) -> list[str]:
    cores = machine.usable_cores
    warnings = []
    if threads > cores:
        warnings.append(f"{threads} threads share {cores} usable cores: lower --threads to {cores} or less.")
    # The average lingers for a minute, so half a core more than is free may be what this program did before.
    if machine.load_average is not None and machine.load_average[0] > max(cores - threads, 0) + 0.5:
        warnings.append(
            f"The load average was {machine.load_average[0]:.1f} on {cores} usable cores before measuring:"
            " stop other programs, or wait a minute, and measure again."
        )
    return warnings


def _sample_warnings(sampling: Sampling, level: Level, levels: int, seed: int) -> list[str]:
    warnings = []
    control = paired_ratio(sampling.samples[0].runs, sampling.control.runs, seed=seed)
    if abs(math.log(control.value)) > math.log1p(CONTROL_OFF):
        warnings.append(
            f"At level {level} the reference measured against itself came out {control.value:.2f}x as fast:"
            " the machine is noisy; stop other programs or raise --seconds."
        )
    if control.blocks < FEW_BLOCKS:
        enough = math.ceil(sampling.block_seconds * FEW_BLOCKS * levels / (1 - WARM_UP_SHARE))
        warnings.append(
            f"At level {level} the time was enough for {control.blocks} blocks of runs only: use --seconds"
            f" {enough} or more."
        )
    return warnings
