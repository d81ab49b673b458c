"""How a report came about: the command, the file it read, and the machine."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

from bnfold.latency.environment import Environment, environment


@dataclass(frozen=True)
class Run:
    """What it takes to do it again.

    Attributes:
        command: the command line.
        seconds: how long it took.
        version: of bnfold.
        sha256: of the source file; None where it is no file.
        environment: the machine and its packages.
    """

    command: str
    seconds: float
    version: str
    sha256: str | None
    environment: Environment

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "command": self.command,
            "seconds": round(self.seconds, 1),
            "version": self.version,
            "sha256": self.sha256,
            "environment": self.environment.to_json(),
        }


def run_of(command: str, source: Path, seconds: float) -> Run:
    """The facts of a run that ends now."""
    from importlib.metadata import version

    return Run(command, seconds, version("bnfold"), _sha256(source), environment())


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
