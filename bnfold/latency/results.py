"""What a benchmark found, and its JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from bnfold.latency.environment import Environment
from bnfold.latency.setting import Setting
from bnfold.latency.statistics import Comparison, Summary, Times


@dataclass(frozen=True)
class Measured:
    """One file under one setting; times in seconds.

    Attributes:
        name: label of the file.
        path: of the file.
        setting: provider, threads, input shapes and optimization level.
        run: seconds a run, inputs and outputs staying on the device.
        load: seconds to create a session, the file being in the page cache.
        copies: median seconds to send the inputs to the device and to fetch the outputs; None where ONNX Runtime
            cannot keep them there (strings, sequences).
        size_bytes: file size, external data included.
        peak_bytes: host memory that a session and its runs take at their peak; None where the system does not tell.
        runs: float64, shape (blocks, runs a block), seconds; only the block medians, shape (blocks, 1), if it was read
            from a report without raw samples.
    """

    name: str
    path: Path
    setting: Setting
    run: Summary
    load: Summary
    copies: tuple[float, float] | None
    size_bytes: int
    peak_bytes: int | None
    runs: Times = field(compare=False, repr=False)

    @property
    def per_second(self) -> float:
        """Samples a second: the batch size over the median time of a run."""
        return self.setting.batch / self.run.p50

    def to_json(self, *, raw: bool = False) -> dict[str, Any]:
        """Return a JSON-ready dict; `raw` adds every single time."""
        data = {
            "name": self.name,
            "path": str(self.path),
            "setting": self.setting.to_json(),
            "run": self.run.to_json(),
            "load": self.load.to_json(),
            "copies": None if self.copies is None else dict(zip(("send", "fetch"), self.copies, strict=True)),
            "size_bytes": self.size_bytes,
            "peak_bytes": self.peak_bytes,
            "per_second": self.per_second,
            "block_medians": np.median(self.runs, axis=1).tolist(),
        }
        return data | {"runs": self.runs.tolist()} if raw else data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return what `to_json` wrote."""
        runs = np.array(data["runs"]) if "runs" in data else np.array(data["block_medians"]).reshape(-1, 1)
        copies = data["copies"] and (data["copies"]["send"], data["copies"]["fetch"])
        run, load = Summary(**data["run"]), Summary(**data["load"])
        setting, sizes = Setting.from_json(data["setting"]), (data["size_bytes"], data["peak_bytes"])
        return cls(data["name"], Path(data["path"]), setting, run, load, copies, *sizes, runs)


@dataclass(frozen=True)
class Compared:
    """A candidate against the reference under one setting.

    Attributes:
        reference, candidate: their labels.
        setting: provider, threads, input shapes and optimization level.
        run: how fast it runs.
        load: how fast a session is created.
    """

    reference: str
    candidate: str
    setting: Setting
    run: Comparison
    load: Comparison

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as a JSON-ready dict."""
        return {
            "reference": self.reference,
            "candidate": self.candidate,
            "setting": self.setting.to_json(),
            "run": self.run.to_json(),
            "load": self.load.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return what `to_json` wrote."""
        run, load = Comparison.from_json(data["run"]), Comparison.from_json(data["load"])
        return cls(data["reference"], data["candidate"], Setting.from_json(data["setting"]), run, load)


@dataclass(frozen=True)
class BenchResult:
    """What a `bench` found; times in seconds.

    Attributes:
        environment: the machine, as it was before measuring.
        clock_mhz_after: mean clock of the cores after measuring; None where the system does not tell.
        seconds: that were asked for.
        seed: of orders and intervals.
        contestants: setting by setting, each with the reference first and then the others in the given order.
        controls: the second session of the reference, one a setting.
        comparisons: setting by setting, every file but the reference.
        warnings: sentences that say why a number may mislead and what to do about it.
    """

    environment: Environment
    clock_mhz_after: float | None
    seconds: float
    seed: int
    contestants: tuple[Measured, ...]
    controls: tuple[Measured, ...]
    comparisons: tuple[Compared, ...]
    warnings: tuple[str, ...]

    def settings(self) -> list[Setting]:
        """Every setting once, in order."""
        return [control.setting for control in self.controls]

    def comparison(self, contestant: Measured) -> Compared | None:
        """How a contestant did against the reference; None for the reference."""
        for each in self.comparisons:
            if (each.candidate, each.setting) == (contestant.name, contestant.setting):
                return each
        return None

    def to_json(self, *, raw: bool = False) -> dict[str, Any]:
        """Return everything as a JSON-ready dict; `raw` adds every single time."""
        return {
            "environment": self.environment.to_json(),
            "clock_mhz_after": self.clock_mhz_after,
            "seconds": self.seconds,
            "seed": self.seed,
            "unit": "s",
            "contestants": [each.to_json(raw=raw) for each in self.contestants],
            "controls": [each.to_json(raw=raw) for each in self.controls],
            "comparisons": [each.to_json() for each in self.comparisons],
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return what `to_json` wrote."""
        return cls(
            Environment.from_json(data["environment"]),
            data["clock_mhz_after"],
            data["seconds"],
            data["seed"],
            tuple(map(Measured.from_json, data["contestants"])),
            tuple(map(Measured.from_json, data["controls"])),
            tuple(map(Compared.from_json, data["comparisons"])),
            tuple(data["warnings"]),
        )
