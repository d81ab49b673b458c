"""Benchmarks on disk: read again, compared, and as one line a sample."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnfold.errors import SourceError, UsageError
from bnfold.latency.results import BenchResult, Measured

COLUMNS = ("model", "role", "provider", "threads", "shapes", "level", "block", "run", "seconds")


def load(path: Path) -> BenchResult:
    """Read the JSON of `bnfold bench`, or the benchmark in the JSON of `bnfold fold`.

    Raises:
        SourceError: there is no such file, or it holds no benchmark.
    """
    try:
        data: Any = json.loads(path.read_text())
        return BenchResult.from_json(data.get("benchmark", data))
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SourceError(
            f"{path} holds no benchmark; give a file that `bnfold bench --json` or `bnfold fold --bench --json` wrote."
        ) from None


@dataclass(frozen=True)
class Change:
    """One model under one setting in two benchmarks; `ratio` above 1 says that the later one is faster.

    The two were not measured in turn, so unlike a speed-up the ratio has no interval.
    """

    earlier: Measured
    later: Measured

    @property
    def ratio(self) -> float:
        """Median time of a run then over now."""
        return self.earlier.run.p50 / self.later.run.p50


def changes(earlier: BenchResult, later: BenchResult) -> list[Change]:
    """What both benchmarks measured: the same name under the same setting.

    Raises:
        UsageError: they have nothing in common.
    """
    before = {(each.name, str(each.setting)): each for each in earlier.contestants}
    found = [
        Change(before[key], each) for each in later.contestants if (key := (each.name, str(each.setting))) in before
    ]
    if not found:
        raise UsageError("The two benchmarks have no model and setting in common, so nothing can be compared.")
    return found


def differences(earlier: BenchResult, later: BenchResult) -> list[str]:
    """What differs between the two machines, as sentences."""
    then, now = earlier.environment, later.environment
    found = []
    for name in ("cpu", "usable_cores", "platform", "python"):
        if getattr(then, name) != getattr(now, name):
            found.append(f"{name.replace('_', ' ')}: {getattr(then, name)} then, {getattr(now, name)} now.")
    for package in sorted(then.versions.keys() | now.versions.keys()):
        old, new = then.versions.get(package, "absent"), now.versions.get(package, "absent")
        if old != new:
            found.append(f"{package}: {old} then, {new} now.")
    return found


def write_csv(result: BenchResult, path: Path) -> None:
    """Write one line a run, with a heading.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        with path.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)
            for role, measured in (("contestant", result.contestants), ("control", result.controls)):
                for each in measured:
                    _write(writer, role, each)
    except OSError as error:
        raise UsageError(f"The samples cannot be written to {path}: {error.strerror}.") from None


def _write(writer: Any, role: str, each: Measured) -> None:
    setting = each.setting
    shapes = " ".join(f"{name}:{'x'.join(map(str, shape))}" for name, shape in setting.shapes.items())
    known = (each.name, role, setting.provider, setting.threads, shapes, setting.level)
    for block, runs in enumerate(each.runs):
        writer.writerows((*known, block, run, f"{seconds:.9f}") for run, seconds in enumerate(runs))
