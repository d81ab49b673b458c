"""One run of a process: wall clock, processor seconds, and the most anonymous memory it had."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

INTERVAL = 0.01
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Run:
    """What a process took, its children included in the processor seconds.

    Attributes:
        wall, processor: seconds.
        anonymous: most bytes of RssAnon, sampled; pages of mapped files do not count, the system may drop them.
    """

    wall: float
    processor: float
    anonymous: int

    def to_json(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True)
class Limits:
    """What a process may take before it is ended.

    Attributes:
        processor: seconds of its own; the same on a busy machine.
        wall: seconds, for one that waits forever.
        anonymous: bytes of RssAnon, sampled.
    """

    processor: float = float("inf")
    wall: float = float("inf")
    anonymous: float = float("inf")

    def passed(self, wall: float, processor: float, anonymous: int) -> tuple[str, str] | None:
        """The limit that is passed, as a kind and a sentence."""
        if processor > self.processor:
            return "timeout", f"not finished after {self.processor:g} processor seconds"
        if wall > self.wall:
            return "timeout", f"not finished after {self.wall:g} s"
        if anonymous > self.anonymous:
            return "memory", f"needs more than {self.anonymous / 1e9:g} GB of memory"
        return None


class FailedRunError(RuntimeError):
    """A process that did not come to a good end.

    Attributes:
        kind: `refused` (it ended with an error), `crash` (a signal ended it), `timeout` or `memory`.
    """

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(what)
        self.kind = kind


def run(command: Sequence[str], limits: Limits | None = None) -> Run:
    """Run to the end, or to a limit.

    Raises:
        FailedRunError: it failed; the last lines of its standard error are the message.
    """
    import resource

    limits = limits or Limits()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start, most = time.perf_counter(), 0
    with tempfile.TemporaryFile() as complaint:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=complaint, start_new_session=True
        )
        try:
            while child.poll() is None:
                most = max(most, _anonymous(child.pid))
                passed = limits.passed(time.perf_counter() - start, _processor(child.pid), most)
                if passed:
                    raise FailedRunError(*passed)
                time.sleep(INTERVAL)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        if child.returncode < 0:
            raise FailedRunError("crash", f"ended by {signal.Signals(-child.returncode).name}")
        if child.returncode:
            complaint.seek(max(0, complaint.seek(0, os.SEEK_END) - 2000))
            raise FailedRunError("refused", complaint.read().decode(errors="replace"))
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall, processor, most)


def _anonymous(process: int) -> int:
    found = re.search(r"RssAnon:\s+(\d+) kB", _told(process, "status"))
    return 1024 * int(found[1]) if found else 0


def _processor(process: int) -> float:
    """Seconds in user and system mode; the name before them may hold spaces."""
    fields = _told(process, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS if fields else 0.0


def _told(process: int, file: str) -> str:
    try:
        return Path(f"/proc/{process}/{file}").read_text()
    except OSError:
        return ""
