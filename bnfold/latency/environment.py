"""The facts about the machine that a latency means nothing without."""

import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

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
        time: UTC, ISO 8601, to the second.
    """

    cpu: str
    logical_cores: int
    usable_cores: int
    platform: str
    python: str
    versions: dict[str, str]
    load_average: tuple[float, float, float] | None
    time: str

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as a JSON-ready dict."""
        return asdict(self) | {"load_average": None if self.load_average is None else list(self.load_average)}


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
        time=datetime.now(UTC).isoformat(timespec="seconds"),
    )


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
