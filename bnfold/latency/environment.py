"""The facts about the machine that a latency means nothing without."""

import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import fmean
from typing import Any, Self

PACKAGES = ("numpy", "onnx", "onnxruntime", "torch")


@dataclass(frozen=True)
class Environment:
    """Where and when a measurement was made.

    Attributes:
        cpu: processor model as the system names it.
        logical_cores: of the machine.
        usable_cores: that this process may run on (a container or `taskset` can allow fewer).
        platform: operating system, release and architecture.
        python: version.
        versions: of numpy, onnx, onnxruntime and torch; a package that is not installed is absent.
        load_average: runnable programs, averaged over the last 1, 5 and 15 minutes; None where the system
            does not tell.
        clock_mhz: mean of the cores as the system reports it; None where it does not.
        time: UTC, ISO 8601, to the second.
    """

    cpu: str
    logical_cores: int
    usable_cores: int
    platform: str
    python: str
    versions: dict[str, str]
    load_average: tuple[float, float, float] | None
    clock_mhz: float | None
    time: str

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as a JSON-ready dict."""
        return asdict(self) | {"load_average": None if self.load_average is None else list(self.load_average)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return what `to_json` wrote."""
        load = data["load_average"]
        return cls(**data | {"load_average": None if load is None else tuple(load)})


def environment() -> Environment:
    """Return the facts about this machine now; imports none of the packages whose versions it reports."""
    cores = os.cpu_count() or 1
    return Environment(
        cpu=_cpu_model(),
        logical_cores=cores,
        usable_cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores,
        platform=platform.platform(),
        python=platform.python_version(),
        versions=_versions(PACKAGES),
        load_average=os.getloadavg() if hasattr(os, "getloadavg") else None,
        clock_mhz=mean_clock(),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def mean_clock(cpuinfo: Path = Path("/proc/cpuinfo")) -> float | None:
    """MHz now, averaged over the cores; None where the system does not tell."""
    if not cpuinfo.is_file():
        return None
    lines = cpuinfo.read_text(errors="replace").splitlines()
    clocks = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
    return fmean(clocks) if clocks else None


def _cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine() or "unknown"


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
