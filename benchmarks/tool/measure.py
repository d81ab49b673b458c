"""One run of a process: wall clock, processor seconds, and the most anonymous memory it had."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

INTERVAL = 0.01


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


def run(command: list[str]) -> Run:
    """Run to the end.

    Raises:
        RuntimeError: it failed.
    """
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start, most = time.perf_counter(), 0
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while child.poll() is None:
        most = max(most, _anonymous(child.pid))
        time.sleep(INTERVAL)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode:
        assert child.stderr is not None
        raise RuntimeError(child.stderr.read().decode(errors="replace")[-500:])
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall, processor, most)


def _anonymous(process: int) -> int:
    try:
        found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0
